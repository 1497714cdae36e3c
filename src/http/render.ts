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
  /** Gives the response back, to be sent. Until then it takes nothing more: it has been ended. */
  release(): void
}

export interface RenderOptions {
  /** More bytes are not held back. */
  mostBytes: number
  /** Milliseconds; what takes longer is not held back any more. */
  longest: number
}

const seams = ["writeHead", "write", "end", "flushHeaders", "headersSent"] as const
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
    let state: "held" | "ended" | "out" = "held"
    let isHead = false
    const before = seams.map((name) => [name, Object.getOwnPropertyDescriptor(res, name)] as const)
    const beneath = {
      write: res.write,
      end: res.end,
      writeHead: res.writeHead,
      flushHeaders: res.flushHeaders,
    }
    const through = (name: keyof typeof beneath, given: unknown[]) =>
      (beneath[name] as (...given: unknown[]) => never).apply(res, given)
    const release = () => {
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
      release()
      state = "out"
      for (const chunk of chunks) through("write", [chunk])
      resolve(undefined)
    }
    const patience = setTimeout(letGo, longest)
    const hold = (chunk: unknown, encoding: unknown) => {
      if (chunk === undefined || chunk === null || typeof chunk === "function") return
      const held = typeof chunk === "string" ? Buffer.from(chunk, encodingOf(encoding)) : (chunk as Buffer)
      chunks.push(held)
      bytes += held.length
      if (bytes > mostBytes) letGo()
    }
    const head = () => {
      if (!isHead) res.writeHead(res.statusCode)
    }
    res.writeHead = (...given: unknown[]) => {
      if (state === "out") return through("writeHead", given)
      if (state === "ended") return res
      isHead = true
      res.statusCode = given[0] as number
      setAll(
        res,
        given.find((one) => typeof one === "object"),
      )
      return res
    }
    res.flushHeaders = (...given: unknown[]) => {
      if (state === "out") through("flushHeaders", given)
      else if (state === "held") head()
    }
    res.write = (...given: unknown[]) => {
      if (state === "out") return through("write", given)
      if (state === "ended") return false
      head()
      hold(given[0], given[1])
      tell(given)
      return true
    }
    res.end = (...given: unknown[]) => {
      if (state === "out") return through("end", given)
      if (state === "ended") return res
      head()
      hold(given[0], given[1])
      // It was too much: what is out already is not sent again.
      if ((state as string) === "out") return through("end", [])
      state = "ended"
      clearTimeout(patience)
      Object.defineProperty(res, "headersSent", { get: () => true, configurable: true })
      const { statusCode: status } = res
      const rendered = { status, headers: renderedHeaders(res), body: Buffer.concat(chunks) }
      resolve({ ...rendered, lookedAt: watched.lookedAt, release })
      tell(given)
      return res
    }
    run()
  })
}

/** Who gave a callback is told, as when it had been written. */
function tell(given: readonly unknown[]): void {
  const told = given.find((one) => typeof one === "function") as (() => void) | undefined
  if (told) process.nextTick(told)
}

/** Sends an answer as it was rendered, when the response has been given back. */
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
