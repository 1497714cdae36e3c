import http from "node:http"
import https from "node:https"
import { BenchError } from "./errors"
import type { Store } from "./store"

export interface Request {
  method: "GET" | "POST"
  path: string
  body?: object
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  body: Buffer
  contentType: string
  /** From the start of the request to the last byte of the body, in milliseconds. */
  duration: number
}

/** A request that takes longer has failed; in milliseconds. */
const patience = 120_000

/** One shopper's connection to a store, kept alive from request to request. */
export class Client {
  private readonly agent
  private readonly transport

  constructor(
    readonly store: Store,
    private readonly signal?: AbortSignal | undefined,
  ) {
    this.transport = store.url.startsWith("https:") ? https : http
    this.agent = new this.transport.Agent({ keepAlive: true, maxSockets: 1 })
  }

  /** @throws what the socket throws, or the reason of the signal */
  send({ method, path, body, headers: own }: Request): Promise<Answer> {
    const payload = body && Buffer.from(JSON.stringify(body))
    const headers = {
      "x-publishable-api-key": this.store.publishableKey,
      accept: "application/json",
      ...own,
      ...(payload && { "content-type": "application/json", "content-length": payload.length }),
    }
    return new Promise((resolve, reject) => {
      this.signal?.throwIfAborted()
      const options = { method, headers, agent: this.agent, ...(this.signal && { signal: this.signal }) }
      const start = process.hrtime.bigint()
      const request = this.transport.request(this.store.url + path, options, (response) => {
        const chunks: Buffer[] = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", reject)
        response.on("end", () => {
          const duration = Number(process.hrtime.bigint() - start) / 1e6
          const contentType = response.headers["content-type"] ?? ""
          resolve({ status: response.statusCode!, body: Buffer.concat(chunks), contentType, duration })
        })
      })
      request.setTimeout(patience, () => request.destroy(new Error(`no answer within ${patience} ms`)))
      request.on("error", reject)
      request.end(payload)
    })
  }

  /**
   * Opens the connection, so that no row pays for it.
   * @throws BenchError BENCH_STORE_UNREACHABLE
   */
  async open(): Promise<void> {
    try {
      await this.send({ method: "GET", path: "/health" })
    } catch (cause) {
      this.signal?.throwIfAborted()
      const { label, url } = this.store
      const message = `The store "${label}" does not answer at ${url}.`
      throw new BenchError(
        "BENCH_STORE_UNREACHABLE",
        message,
        "Start it, and wait for its READY line.",
        cause,
      )
    }
  }

  close(): void {
    this.agent.destroy()
  }
}
