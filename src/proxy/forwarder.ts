/**
 * Requests on their way to a store, and its answers back, as a gateway hands them on (RFC 9110 §7.6): all but what concerns one
 * connection. The store learns who asked by `X-Forwarded-For`, `-Host` and `-Proto`; `Host` stays as it was.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import https from "node:https"
import { pipeline } from "node:stream"

/** Sent to the store with every request that may write: whoever sends it is told whether it did, in a header of this name. */
export const wroteHeader = "x-pegasus-wrote"

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
const forwarded = new Set(["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", wroteHeader])

export class Forwarder {
  private readonly client: typeof http | typeof https
  private readonly agent: http.Agent

  /** @param settle to be waited for before an answer that says that the store wrote */
  constructor(
    private readonly upstream: URL,
    private readonly settle: () => Promise<void>,
  ) {
    this.client = upstream.protocol === "https:" ? https : http
    this.agent = new this.client.Agent({ keepAlive: true })
  }

  /**
   * Hands the request on, and its answer back; 502 when the store cannot be reached.
   * @returns the store's `Cache-Status`, when it begins to answer; undefined when it does not
   */
  forward(req: IncomingMessage, res: ServerResponse, isAgain = false): Promise<string | undefined> {
    return new Promise((resolve) => {
      const asked = this.client.request({
        agent: this.agent,
        host: this.upstream.hostname,
        port: this.upstream.port,
        method: req.method,
        path: req.url,
        headers: requestHeaders(req),
      })
      const abandon = () => asked.destroy()
      const ended = () => {
        res.off("close", abandon)
        resolve(undefined)
      }
      res.once("close", abandon)
      asked.once("close", ended)
      asked.on("response", (answer) => {
        const { [wroteHeader]: wrote, "cache-status": status } = answer.headers
        resolve(String(status))
        void (wrote === undefined ? give(answer, res) : this.settle().finally(() => give(answer, res)))
      })
      asked.on("error", () => {
        // The store closed a connection just as it was taken again (node's `reusedSocket`); nothing was asked yet.
        const mayRepeat = asked.reusedSocket && !isAgain && !res.headersSent && isRead(req) && hasNoBody(req)
        if (!mayRepeat) {
          fail(res)
          return
        }
        asked.off("close", ended)
        res.off("close", abandon)
        resolve(this.forward(req, res, true))
      })
      if (hasNoBody(req)) asked.end()
      else req.pipe(asked)
    })
  }
}

function give(answer: IncomingMessage, res: ServerResponse): void {
  if (res.destroyed) {
    answer.destroy()
    return
  }
  const lines = endToEnd(answer, (name) => name === wroteHeader)
  res.writeHead(answer.statusCode!, answer.statusMessage, lines)
  // Node ends what is cut off in the middle by cutting it off, too.
  pipeline(answer, res, () => undefined)
}

function fail(res: ServerResponse): void {
  if (res.headersSent || res.destroyed) {
    res.destroy()
    return
  }
  const body = JSON.stringify({ type: "bad_gateway", message: "The store does not answer." })
  res.writeHead(502, { "content-type": "application/json", "cache-control": "no-store" })
  res.end(body)
}

function requestHeaders(req: IncomingMessage): string[] {
  const { socket, headers } = req
  const { "x-forwarded-for": before, "x-forwarded-host": host, "x-forwarded-proto": scheme } = headers
  const clients = [...(before === undefined ? [] : [before].flat()), socket.remoteAddress ?? "unknown"]
  const lines = endToEnd(req, (name) => forwarded.has(name))
  lines.push("X-Forwarded-For", clients.join(", "))
  lines.push("X-Forwarded-Host", String(host ?? headers.host ?? ""))
  lines.push("X-Forwarded-Proto", String(scheme ?? "http"))
  if (!isRead(req)) lines.push(wroteHeader, "?")
  if (headers["transfer-encoding"] !== undefined) lines.push("Transfer-Encoding", "chunked")
  return lines
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

const isRead = ({ method }: IncomingMessage) => method === "GET" || method === "HEAD"
const hasNoBody = ({ headers }: IncomingMessage) =>
  headers["transfer-encoding"] === undefined && (headers["content-length"] ?? "0") === "0"
