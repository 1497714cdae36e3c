/**
 * Requests on their way to a store, and its answers back, as a gateway hands them on (RFC 9110 §7.6): all but what concerns one
 * connection. The store learns who asked by `X-Forwarded-For`, `-Host` and `-Proto`; `Host` stays as it was.
 *
 * What must hold. Where one request ends and the next begins the store must see as we do, or a client could write the next
 * one's: how long the body is we say ourselves, from what node has read, and the body goes out by that and nothing else. Whoever
 * leaves leaves nothing behind: no request to the store, no answer that waits for him.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import https from "node:https"
import { pipeline } from "node:stream"
import { hasBody, isRead } from "../http"

/** Sent to the store with every request that may write: whoever sends it is told whether it did, in a header of this name. */
export const wroteHeader = "x-pegasus-wrote"

/** What an answer of the store says of itself. */
export interface Forwarded {
  statusCode: number
  /** What it says of its cache (RFC 9211). */
  cacheStatus: string | undefined
}

/** RFC 9110 §7.6.1; what the message names itself is added. */
const ofConnection = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])
/** Lines of a request that are made anew. */
const ofRequest = new Set([
  "content-length",
  "host",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  wroteHeader,
])
/** How long a connection to the store is kept that nobody uses, in milliseconds; less when the store says so. */
const idleFor = 60_000

export class Forwarder {
  private readonly client: typeof http | typeof https
  private readonly agent: http.Agent

  /** @param before to be waited for before an answer is handed back */
  constructor(
    private readonly upstream: URL,
    private readonly before: (req: IncomingMessage, answer: IncomingMessage) => Promise<void> | undefined,
  ) {
    this.client = upstream.protocol === "https:" ? https : http
    this.agent = new this.client.Agent({ keepAlive: true, timeout: idleFor })
  }

  /**
   * Hands the request on, and its answer back; 502 when the store cannot be reached.
   * @returns what the store says, when it begins to answer; undefined when it does not
   */
  forward(req: IncomingMessage, res: ServerResponse, isAgain = false): Promise<Forwarded | undefined> {
    if (isGone(req, res)) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const asked = this.client.request({
        agent: isAgain ? false : this.agent,
        // An address in brackets is one of IPv6.
        host: this.upstream.hostname.replace(/^\[|\]$/g, ""),
        port: this.upstream.port,
        method: req.method,
        path: req.url,
        headers: requestLines(req, this.upstream),
      })
      let isAnswered = false
      const abandon = () => asked.destroy()
      // Of a response that waits for others on its connection node does not tell that the client has gone.
      res.once("close", abandon)
      req.socket.once("close", abandon)
      asked.once("close", () => {
        res.off("close", abandon)
        req.socket.off("close", abandon)
        // What the store did not want to hear must still be taken from the client.
        req.unpipe(asked)
        req.resume()
        if (!isAnswered) resolve(undefined)
      })
      asked.on("response", (answer) => {
        isAnswered = true
        const { "cache-status": status } = answer.headers
        resolve({
          statusCode: answer.statusCode!,
          cacheStatus: status === undefined ? status : String(status),
        })
        const waiting = this.before(req, answer)
        if (waiting) void waiting.catch(() => undefined).then(() => give(answer, res))
        else give(answer, res)
      })
      asked.on("error", () => {
        if (isAnswered) return
        // The store closed a connection just as it was taken again (node's `reusedSocket`).
        if (asked.reusedSocket && isRead(req) && !hasBody(req)) {
          isAnswered = true
          resolve(this.forward(req, res, true))
        } else fail(res)
      })
      req.pipe(asked)
    })
  }
}

/** Nobody waits for the answer any more. */
const isGone = (req: IncomingMessage, res: ServerResponse) => res.destroyed || req.socket.destroyed

function give(answer: IncomingMessage, res: ServerResponse): void {
  if (res.destroyed) {
    answer.destroy()
    return
  }
  const lines = endToEnd(answer, (name) => name === wroteHeader)
  res.writeHead(answer.statusCode!, answer.statusMessage, lines)
  // What the store cut off is cut off here.
  pipeline(answer, res, () => undefined)
}

/** The store cannot be asked. */
export function fail(res: ServerResponse): void {
  if (res.headersSent || res.destroyed) {
    res.destroy()
    return
  }
  const body = JSON.stringify({ type: "bad_gateway", message: "The store does not answer." })
  res.writeHead(502, { "content-type": "application/json", "cache-control": "no-store" })
  res.end(body)
}

function requestLines(req: IncomingMessage, upstream: URL): string[] {
  const { socket, headers, httpVersion } = req
  const { host, "x-forwarded-for": before, "x-forwarded-host": firstHost = host } = headers
  const clients = [...(before === undefined ? [] : [before].flat()), socket.remoteAddress ?? "unknown"]
  // First what the store must not miss: it looks at a thousand lines (node's `maxHeadersCount`).
  const lines = ["Host", host ?? upstream.host, "X-Forwarded-For", clients.join(", ")]
  if (firstHost !== undefined) lines.push("X-Forwarded-Host", String(firstHost))
  lines.push("X-Forwarded-Proto", String(headers["x-forwarded-proto"] ?? "http"))
  lines.push("Via", `${httpVersion} pegasus`)
  if (!isRead(req)) lines.push(wroteHeader, "?")
  if (headers["transfer-encoding"] !== undefined) lines.push("Transfer-Encoding", "chunked")
  else if (hasBody(req) || !isRead(req)) lines.push("Content-Length", headers["content-length"] ?? "0")
  return [...lines, ...endToEnd(req, (name) => ofRequest.has(name))]
}

/** The lines of a head that are for whoever comes last: names and values in turn. */
function endToEnd({ rawHeaders, headers }: IncomingMessage, isOurs: (name: string) => boolean): string[] {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase())
  const lines: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    if (ofConnection.has(name) || named.includes(name) || isOurs(name)) continue
    lines.push(rawHeaders[at]!, rawHeaders[at + 1]!)
  }
  return lines
}
