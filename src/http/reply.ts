/**
 * Sends an answer that is kept, as quickly as node can: the whole head as one text, made once a second, and the bytes of the
 * body as they lie.
 *
 * The seam: `_header`, `_headerSent` and `_hasBody` of node's OutgoingMessage (lib/_http_outgoing.js, 20 to 24). Where they are not
 * as expected, `writeHead` serves.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import { LRUCache } from "lru-cache"
import { type Answer, decodeAnswer } from "./answer"
import { headersOf } from "./request"

export type Encoding = "identity" | "gzip" | "br"

/** How one answer goes out. */
export interface Way {
  /** What RFC 9211 says of it, without the name of the cache: `hit; ttl=60`, `fwd=uri-miss; stored`, … */
  status(): string
  /** The lines for caches, browsers and CDNs. */
  lines(): string
  /** Tells apart, for this answer, what `status` and `lines` give within a second; undefined when it is this once. */
  name: string | undefined
}

interface Node {
  _header: string | null
  _headerSent: boolean
  _hasBody: boolean
  shouldKeepAlive: boolean
  maxRequestsOnConnectionReached?: boolean
}

/** What goes out: the head as lines, and head and body as bytes. */
interface Made {
  head: string
  start: Buffer
  whole: Buffer | undefined
}

const gzipped = promisify(gzip)
const brotlied = promisify(brotliCompress)
/** A shorter body is hardly shorter when compressed. */
const compressFrom = 1_024
/** Up to this many bytes head and body go out as one piece. */
const joinUpTo = 16_384
/** Heads for different origins that are remembered at once. */
const mostHeads = 32
const suffix: Record<Encoding, string> = { identity: "", gzip: "-gz", br: "-br" }

export class Reply {
  readonly answer: Answer
  private readonly bodies = new Map<Encoding, Buffer>()
  private isCompressing = false
  private second = 0
  private readonly made = new Map<string, Made>()
  private readonly own: string
  /** What the answer says, in milliseconds since 1970; else not a number, which is later than nothing. */
  private readonly modifiedAt: number

  constructor(bytes: Buffer) {
    this.answer = decodeAnswer(bytes)
    this.bodies.set("identity", this.answer.body)
    this.modifiedAt = Date.parse(new Map(this.answer.headers).get("last-modified") ?? "")
    this.own = this.answer.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  }

  send(req: IncomingMessage, res: ServerResponse, way: Way, now: number): void {
    const headers = headersOf(req)
    const encoding = this.encodingFor(headers["accept-encoding"])
    if (this.isUnchanged(headers, encoding)) {
      sendHead(res, 304, this.guide(encoding, way, now))
      res.end()
      return
    }
    const made = this.make(res, encoding, way, now)
    const body = this.bodies.get(encoding)!
    if (isAsExpected(res)) sendBytes(res, made, body)
    else {
      sendHead(res, 200, made.head)
      res.end(req.method === "HEAD" ? undefined : body)
    }
  }

  /** RFC 9110 §13.1.2; where there is no ETag to ask for, §13.1.3. */
  private isUnchanged(
    { "if-none-match": condition, "if-modified-since": since }: IncomingHttpHeaders,
    encoding: Encoding,
  ): boolean {
    if (condition !== undefined) return matches(condition, this.etagOf(encoding))
    return since !== undefined && this.modifiedAt <= Date.parse(since)
  }

  /** The head of this way, made once a second. */
  private make(res: ServerResponse, encoding: Encoding, way: Way, now: number): Made {
    const second = Math.floor(now / 1_000)
    if (second !== this.second || this.made.size > mostHeads) this.made.clear()
    this.second = second
    const name = way.name === undefined ? undefined : `${encoding} ${way.name}`
    const known = name === undefined ? undefined : this.made.get(name)
    if (known) return known
    const body = this.bodies.get(encoding)!
    const coded = encoding === "identity" ? "" : `Content-Encoding: ${encoding}\r\n`
    const head = `${this.own}${coded}Content-Length: ${body.length}\r\n${this.guide(encoding, way, now)}`
    const start = Buffer.from(`HTTP/1.1 200 OK\r\n${head}${keepAlive(res)}\r\n`, "latin1")
    const made = { head, start, whole: body.length > joinUpTo ? undefined : Buffer.concat([start, body]) }
    if (name !== undefined) this.made.set(name, made)
    return made
  }

  /** What a 304 says too (RFC 9110 §15.4.5). */
  private guide(encoding: Encoding, { status, lines }: Way, now: number): string {
    const newAt = this.newAt(now)
    const age = `Age: ${Math.max(0, Math.floor((now - newAt) / 1_000))}\r\nDate: ${dateOf(newAt)}\r\n`
    return `ETag: ${this.etagOf(encoding)}\r\n${lines()}Cache-Status: Pegasus; ${status()}\r\n${age}`
  }

  /** When it was new: now, for what says nothing of itself, because the feed has just vouched for it (RFC 9111 §4.2.3). */
  private newAt(now: number): number {
    const { says, madeAt } = this.answer
    return says.length === 0 ? now : madeAt
  }

  private etagOf(encoding: Encoding): string {
    return `"${this.answer.etag}${suffix[encoding]}"`
  }

  /** The best that is there; what would be better is made meanwhile, for the next. */
  private encodingFor(accepted: string | undefined): Encoding {
    if (accepted === undefined || this.answer.body.length < compressFrom) return "identity"
    const wanted = preferred(accepted)
    if (wanted === "identity" || this.bodies.has(wanted)) return wanted
    if (!this.isCompressing) this.compress().catch(() => undefined)
    return "identity"
  }

  private async compress(): Promise<void> {
    this.isCompressing = true
    const { body } = this.answer
    const [short, shortest] = await Promise.all([
      gzipped(body, { level: 6 }),
      brotlied(body, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
      }),
    ])
    this.bodies.set("gzip", short)
    this.bodies.set("br", shortest)
  }
}

/** What clients say they accept: there are few ways to say it. */
const preferences = new LRUCache<string, Encoding>({ max: 1_000 })

/** RFC 9110 §12.5.3, as far as it concerns us: what is named and not refused; brotli before gzip. */
export function preferred(accepted: string): Encoding {
  let known = preferences.get(accepted)
  if (known === undefined) {
    known = preferenceOf(accepted)
    preferences.set(accepted, known)
  }
  return known
}

function preferenceOf(accepted: string): Encoding {
  const takes = (name: string) => {
    const found = new RegExp(`(?:^|,)\\s*${name}\\s*(?:;\\s*q=([\\d.]+)\\s*)?(?:,|$)`, "i").exec(accepted)
    return found !== null && Number(found[1] ?? 1) > 0
  }
  return takes("br") ? "br" : takes("gzip") ? "gzip" : "identity"
}

/** RFC 9110 §13.1.2: weak comparison. */
export function matches(condition: string, etag: string): boolean {
  if (condition.trim() === "*") return true
  return condition.split(",").some((one) => one.trim().replace(/^W\//, "") === etag)
}

let dated = { second: 0, text: "" }
function dateOf(now: number): string {
  const second = Math.floor(now / 1_000)
  if (dated.second !== second) dated = { second, text: new Date(second * 1_000).toUTCString() }
  return dated.text
}

/** Whether this connection stays open and is ours now, nobody has laid anything over, and node is as it was read. */
function isAsExpected(res: ServerResponse): boolean {
  const node = res as unknown as Node
  return (
    node._header === null &&
    node._headerSent === false &&
    typeof node._hasBody === "boolean" &&
    node.shouldKeepAlive === true &&
    node.maxRequestsOnConnectionReached !== true &&
    res.socket !== null &&
    !Object.hasOwn(res, "writeHead")
  )
}

/** The bytes straight to the connection; node is told that the head is out, and ends the exchange. */
function sendBytes(res: ServerResponse, { head, start, whole }: Made, body: Buffer): void {
  const node = res as unknown as Node
  const socket = res.socket!
  res.statusCode = 200
  node._header = head
  node._headerSent = true
  if (!node._hasBody) socket.write(start)
  else if (whole) socket.write(whole)
  else {
    socket.cork()
    socket.write(start)
    socket.write(body)
    socket.uncork()
  }
  res.end()
}

/** As node itself says it (lib/_http_outgoing.js, `_storeHeader`). */
function keepAlive(res: ServerResponse): string {
  const timeout = (res as unknown as { _keepAliveTimeout?: number })._keepAliveTimeout
  return timeout
    ? `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(timeout / 1_000)}\r\n`
    : "Connection: keep-alive\r\n"
}

/** A head the public way. What middlewares set for this request stands, unless it is ours to say. */
function sendHead(res: ServerResponse, status: number, head: string): void {
  for (const line of head.split("\r\n")) {
    const at = line.indexOf(": ")
    const name = line.slice(0, at)
    if (at > 0 && (!res.hasHeader(name) || ours.test(name))) res.setHeader(name, line.slice(at + 2))
  }
  res.writeHead(status)
}

const ours =
  /^(etag|content-length|content-encoding|vary|cache-control|cdn-cache-control|date|age|cache-status)$/i
