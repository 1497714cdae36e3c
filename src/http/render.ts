/**
 * A render: Express makes an answer, and it is held back. What reaches the client is decided when it is whole: it is kept, and
 * answered like any hit; or it goes out as it was made.
 *
 * The seam: `writeHead`, `write` and `end` of node's ServerResponse. Middlewares wrap them in turn (express-session, compression,
 * on-headers); theirs lie over ours and are run.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"
import { watch } from "./request"

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

const seams = ["writeHead", "write", "end", "flushHeaders"] as const
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
  const watched = watch(req)
  watched.isRendered = true
  if (method === "HEAD") req.method = "GET"
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let isHead = false
    const before = seams.map((name) => [name, Object.getOwnPropertyDescriptor(res, name)] as const)
    const restore = () => {
      clearTimeout(patience)
      req.method = method
      watched.isRendered = false
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
      resolve({
        status: res.statusCode,
        headers: renderedHeaders(res),
        body: Buffer.concat(chunks),
        lookedAt: watched.lookedAt,
      })
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

function setAll(res: ServerResponse, headers: unknown): void {
  if (Array.isArray(headers)) {
    for (let at = 0; at + 1 < headers.length; at += 2) res.setHeader(headers[at], headers[at + 1])
  } else if (headers) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) res.setHeader(name, value)
    }
  }
}

function renderedHeaders(res: ServerResponse): Map<string, string[]> {
  const all = Object.entries(res.getHeaders()).filter(([, value]) => value !== undefined)
  return new Map(all.map(([name, value]) => [name, [value].flat().map(String)]))
}

const encodingOf = (encoding: unknown) =>
  typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : "utf8"
