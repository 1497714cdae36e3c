/**
 * A render: Express makes an answer, and it is held back. What reaches the client is decided when it is whole: it is kept, and
 * answered like any hit; or it goes out as it was made.
 *
 * The seam: `writeHead`, `write` and `end` of node's ServerResponse. Middlewares wrap them in turn (express-session, compression,
 * on-headers); theirs lie over ours and are run.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"

export interface Rendered {
  status: number
  /** By names in lower case. */
  headers: Map<string, string[]>
  body: Buffer
  /** Headers of the request that were looked at beside those that are known to be. */
  lookedAt: ReadonlySet<string>
}

export interface RenderOptions {
  /** More bytes are not held back. */
  mostBytes: number
  /** Milliseconds; what takes longer is not held back any more. */
  longest: number
}

/** Headers of a request that are looked at for every answer, and shape none that is kept beside what the key tells. */
const known = new Set([
  "accept",
  "accept-encoding",
  "access-control-request-method",
  "authorization",
  "connection",
  "content-length",
  "content-type",
  "cookie",
  "expect",
  "if-modified-since",
  "if-none-match",
  "origin",
  "referer",
  "referrer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "x-medusa-locale",
  "x-no-compression",
  "x-publishable-api-key",
  "x-request-id",
])
/** What request-ip and express-session look for (medusa/dist/loaders/index.js:66, framework/dist/http/express-loader.js:54; 2.21.2). */
const ofConnection =
  /^(x-client-ip|x-forwarded(-for|-proto)?|forwarded(-for)?|cf-connecting-ip|cf-pseudo-ipv4|do-connecting-ip|fastly-client-ip|true-client-ip|x-real-ip|x-cluster-client-ip|x-appengine-user-ip)$/

const seams = ["writeHead", "write", "end", "flushHeaders"] as const
/** What a renderer must not see: it shall render the whole answer, for anyone. */
const hidden = ["accept-encoding", "if-none-match", "if-modified-since", "range"]

/**
 * Renders with Express.
 * @returns undefined when the answer went out as it was made: too large, or too slow
 */
export function render(
  req: IncomingMessage,
  res: ServerResponse,
  run: () => void,
  { mostBytes, longest }: RenderOptions,
): Promise<Rendered | undefined> {
  const { method } = req
  const lookedAt = watch(req)
  if (method === "HEAD") req.method = "GET"
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let isHead = false
    const before = seams.map((name) => [name, Object.getOwnPropertyDescriptor(res, name)] as const)
    const restore = () => {
      clearTimeout(patience)
      req.method = method
      for (const [name, own] of before) {
        if (own) Object.defineProperty(res, name, own)
        else delete (res as Partial<ServerResponse>)[name]
      }
    }
    /** What was held back goes out, and so does what follows. */
    const letGo = () => {
      restore()
      for (const chunk of chunks) res.write(chunk)
      resolve(undefined)
    }
    const patience = setTimeout(letGo, longest)
    const hold = (chunk: unknown, encoding: unknown) => {
      if (chunk === undefined || chunk === null || typeof chunk === "function") return
      const held = typeof chunk === "string" ? Buffer.from(chunk, encodingOf(encoding)) : (chunk as Buffer)
      chunks.push(held)
      bytes += held.length
    }
    const head = () => {
      if (!isHead) res.writeHead(res.statusCode)
    }
    res.writeHead = (status: number, ...given: unknown[]) => {
      isHead = true
      res.statusCode = status
      setAll(
        res,
        given.find((one) => typeof one === "object"),
      )
      return res
    }
    res.flushHeaders = head
    res.write = (chunk: unknown, ...given: unknown[]) => {
      head()
      hold(chunk, given[0])
      if (bytes > mostBytes) letGo()
      const told = given.find((one) => typeof one === "function") as (() => void) | undefined
      if (told) process.nextTick(told)
      return true
    }
    res.end = (...given: unknown[]) => {
      head()
      hold(given[0], given[1])
      restore()
      const told = given.find((one) => typeof one === "function") as (() => void) | undefined
      if (told) res.once("finish", told)
      resolve({ status: res.statusCode, headers: headersOf(res), body: Buffer.concat(chunks), lookedAt })
      return res
    }
    run()
  })
}

/** Sends an answer as it was rendered. */
export function sendRendered(res: ServerResponse, { status, body }: Rendered): void {
  res.statusCode = status
  if (!res.hasHeader("content-length") && status !== 204 && status !== 304) {
    res.setHeader("content-length", body.length)
  }
  res.end(body)
}

/** @returns the names of headers that are looked at from now on */
function watch(req: IncomingMessage): ReadonlySet<string> {
  const lookedAt = new Set<string>()
  const headers = { ...req.headers }
  for (const name of hidden) delete headers[name]
  const watched = new Proxy(headers, {
    get(target, name) {
      if (typeof name === "string" && !known.has(name) && !ofConnection.test(name)) lookedAt.add(name)
      return Reflect.get(target, name)
    },
  })
  Object.defineProperty(req, "headers", { value: watched, configurable: true, writable: true })
  return lookedAt
}

function setAll(res: ServerResponse, headers: unknown): void {
  if (Array.isArray(headers)) {
    for (let at = 0; at + 1 < headers.length; at += 2) res.setHeader(headers[at], headers[at + 1])
  } else if (headers) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) res.setHeader(name, value)
    }
  }
}

function headersOf(res: ServerResponse): Map<string, string[]> {
  const all = Object.entries(res.getHeaders()).filter(([, value]) => value !== undefined)
  return new Map(all.map(([name, value]) => [name, [value].flat().map(String)]))
}

const encodingOf = (encoding: unknown) =>
  typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : "utf8"
