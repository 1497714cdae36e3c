/**
 * The proxy: a process of its own before a store. It answers what is kept, and hands the rest on to the store.
 *
 * Why. A process of Node does one thing at a time. Inside a store a hit waits while a page is rendered or a cart is computed, and
 * Medusa's instrumentation of asynchronous calls makes each hit half as dear again. Here nothing else runs.
 *
 * The story. The front (src/http/front.ts) asks memory. What is not there is looked for in Redis, where the store puts what it
 * renders. What is not there either is asked of the store: once, whoever else asks for it meanwhile waits, and finds it in Redis.
 *
 * What must hold. The same as in a store: this process listens to PostgreSQL itself, so it never answers what a commit has
 * made untrue, whoever made it; cut off from PostgreSQL or Redis it hands everything on. An answer to a write is given when
 * what it wrote has been heard here. Names it knows only from its own table: where a store has found another header that shapes
 * answers, theirs have other names, are not found, and the store answers.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { LRUCache } from "lru-cache"
import type { Cache } from "../engine"
import { Front, type FrontOptions, type Named, type Next } from "../http"
import { Forwarder } from "./forwarder"

export interface ProxyOptions {
  /** The store. */
  upstream: URL
  cache: Pick<Cache, "peek" | "get">
  front: Omit<FrontOptions, "cache">
  /** Resolves when everything that was committed before the call has been heard here, or nothing kept is answered any more. */
  settle(): Promise<void>
}

/** Pauses in which what the store has just rendered comes to Redis, in milliseconds. */
const pauses = [0, 2, 5, 10, 20, 40, 80]
/** How long what the store does not keep is asked of it without waiting for others, in milliseconds. */
const notKeptFor = 10_000

/** @returns the server, which does not listen yet */
export function createProxy({ upstream, cache, front: options, settle }: ProxyOptions): Server {
  const forwarder = new Forwarder(upstream, settle)
  const front = new ForwardingFront({ ...options, cache })
  return createServer((req, res) => {
    front.handle(req, res, () => {
      void forwarder.forward(req, res).then((status) => front.forwarded(req, status))
    })
  })
}

class ForwardingFront extends Front {
  /** By name: whether the store has kept the answer that it is making. */
  private readonly underWay = new Map<string, Promise<boolean>>()
  private readonly endings = new WeakMap<IncomingMessage, (status: string | undefined) => void>()
  private readonly notKept = new LRUCache<string, true>({ max: 10_000, ttl: notKeptFor })

  constructor(protected override readonly options: FrontOptions & Pick<ProxyOptions, "cache">) {
    super(options)
  }

  /** The store has begun to answer, or will not. @param status what it says of its cache (RFC 9211) */
  forwarded(req: IncomingMessage, status: string | undefined): void {
    this.endings.get(req)?.(status)
  }

  /** The store sees to it. */
  protected override passes(): void {}

  protected override async seek(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    named: Named,
  ): Promise<boolean> {
    const { key } = named
    const isAskedAnew = this.asksNotTo("no-cache", req)
    if (!isAskedAnew && !this.notKept.has(key)) {
      if (await this.find(req, res, named)) return true
      const isComing = await this.underWay.get(key)
      if (isComing && (await this.await(req, res, named))) return true
      if (!isComing) this.begin(req, key)
    }
    next()
    return false
  }

  /** The store is asked; others may wait for what it says. */
  private begin(req: IncomingMessage, key: string): void {
    if (this.underWay.has(key)) return
    const answering = new Promise<string | undefined>((resolve) => this.endings.set(req, resolve))
    const isKept = answering.then((status) => {
      this.underWay.delete(key)
      const wasKept = status !== undefined && /\bstored\b|\bhit\b/.test(status)
      if (!wasKept && status !== undefined) this.notKept.set(key, true)
      return wasKept
    })
    this.underWay.set(key, isKept)
  }

  private async await(req: IncomingMessage, res: ServerResponse, named: Named): Promise<boolean> {
    for (const pause of pauses) {
      await sleep(pause)
      if (await this.find(req, res, named)) return true
    }
    return false
  }

  /** Answers what the cache has. */
  private async find(req: IncomingMessage, res: ServerResponse, { key, policy }: Named): Promise<boolean> {
    const found = await this.options.cache.get(key)
    if (found.state === "fresh") this.hit(req, res, policy, found)
    return found.state === "fresh"
  }
}
