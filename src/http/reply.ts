/**
 * Sends an answer that is kept, as quickly as node can: the whole head as one text, made once a second, and the bytes of the
 * body as they lie.
 *
 * The seam: `_header`, `_headerSent` and `_hasBody` of node's OutgoingMessage (lib/_http_outgoing.js, 20 to 24). Where they are not
 * as expected, `writeHead` serves.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import { type Answer, decodeAnswer } from "./answer"

export type Encoding = "identity" | "gzip" | "br"

/** How one answer goes out. */
export interface Way {
  /** RFC 9211, without the name of the cache: `hit`, `fwd=uri-miss; stored`, … */
  status: string
  /** Lines for the head that are the same for all ways of one policy and origin. */
  common: string
  /** Tells lines apart in `common`. */
  name: string
}

interface Node {
  _header: string | null
  _headerSent: boolean
  shouldKeepAlive: boolean
  maxRequestsOnConnectionReached?: boolean
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
  private readonly heads = new Map<string, { head: string; whole: Buffer | undefined }>()
  private readonly own: string

  constructor(bytes: Buffer) {
    this.answer = decodeAnswer(bytes)
    this.bodies.set("identity", this.answer.body)
    this.own = this.answer.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  }

  send(req: IncomingMessage, res: ServerResponse, way: Way, now: number): void {
    const encoding = this.encodingFor(req.headers["accept-encoding"])
    const etag = `"${this.answer.etag}${suffix[encoding]}"`
    const condition = req.headers["if-none-match"]
    if (condition !== undefined && matches(condition, etag)) this.notModified(res, etag, way, now)
    else this.whole(req, res, encoding, etag, way, now)
  }

  private whole(
    req: IncomingMessage,
    res: ServerResponse,
    encoding: Encoding,
    etag: string,
    way: Way,
    now: number,
  ): void {
    const body = this.bodies.get(encoding)!
    const second = Math.floor(now / 1_000)
    if (second !== this.second || this.heads.size > mostHeads) this.heads.clear()
    this.second = second
    const at = `${encoding} ${way.status} ${way.name}`
    let made = this.heads.get(at)
    if (!made) {
      const coded = encoding === "identity" ? "" : `Content-Encoding: ${encoding}\r\n`
      const head = `${this.own}${coded}Content-Length: ${body.length}\r\nETag: ${etag}\r\n${lines(way, now)}`
      made = { head, whole: undefined }
      this.heads.set(at, made)
    }
    const node = res as unknown as Node
    if (!isAsExpected(node) || Object.hasOwn(res, "end") || Object.hasOwn(res, "writeHead")) {
      writeLines(res, 200, made.head)
      res.end(req.method === "HEAD" ? undefined : body)
      return
    }
    const start = `HTTP/1.1 200 OK\r\n${made.head}${keepAlive(res)}\r\n`
    res.statusCode = 200
    if (req.method === "HEAD") {
      node._header = start
      res.end()
    } else if (body.length <= joinUpTo) {
      made.whole ??= Buffer.concat([Buffer.from(start, "latin1"), body])
      node._header = start
      node._headerSent = true
      res.end(made.whole)
    } else {
      node._header = start
      res.end(body)
    }
  }

  /** RFC 9110 §15.4.5: the head that a 200 would have had, as far as it guides caches. */
  private notModified(res: ServerResponse, etag: string, way: Way, now: number): void {
    writeLines(res, 304, `ETag: ${etag}\r\n${lines(way, now)}`)
    res.end()
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

/** RFC 9110 §12.5.3, as far as it concerns us: what is named and not refused; brotli before gzip. */
export function preferred(accepted: string): Encoding {
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

const lines = ({ status, common }: Way, now: number) =>
  `${common}Cache-Status: Pegasus; ${status}\r\nAge: 0\r\nDate: ${dateOf(now)}\r\n`

let dated = { second: 0, text: "" }
function dateOf(now: number): string {
  const second = Math.floor(now / 1_000)
  if (dated.second !== second) dated = { second, text: new Date(second * 1_000).toUTCString() }
  return dated.text
}

/** Whether this connection stays open, and node is as it was read. */
function isAsExpected(node: Node): boolean {
  return (
    node._header === null &&
    node._headerSent === false &&
    node.shouldKeepAlive === true &&
    node.maxRequestsOnConnectionReached !== true
  )
}

/** As node itself says it (lib/_http_outgoing.js, `_storeHeader`). */
function keepAlive(res: ServerResponse): string {
  const timeout = (res as unknown as { _keepAliveTimeout?: number })._keepAliveTimeout
  return timeout
    ? `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(timeout / 1_000)}\r\n`
    : "Connection: keep-alive\r\n"
}

/** The same head the public way. */
function writeLines(res: ServerResponse, status: number, head: string): void {
  const pairs = head
    .split("\r\n")
    .filter((line) => line !== "")
    .flatMap((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)])
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  res.writeHead(status, pairs)
}
