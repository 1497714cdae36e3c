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
import { type Forwarded, Forwarder, fail, wroteHeader } from "./forwarder"

export interface ProxyOptions {
  /** The store. */
  upstream: URL
  cache: Pick<Cache, "peek" | "get" | "invalidate">
  front: Omit<FrontOptions, "cache">
  /** Resolves when everything that was committed before the call has been heard here, or nothing kept is answered any more. */
  settle(): Promise<void>
}

/** Pauses in which what the store has just rendered comes to Redis, in milliseconds. */
const pauses = [0, 2, 5, 10, 20, 40, 80]
/** The longest to wait for what another is asking the store for, in milliseconds: as long as in the store. */
const longestWait = 10_000
/** How long what the store does not keep is asked of it without waiting for others, in milliseconds. */
const notKeptFor = 10_000

/** @returns the server, which does not listen yet */
export function createProxy({ upstream, cache, front: options, settle }: ProxyOptions): Server {
  const front = new ForwardingFront({ ...options, cache })
  const forwarder = new Forwarder(upstream, (req, { statusCode, headers }) => {
    const changing = front.changed(req, statusCode!)
    const wrote = headers[wroteHeader] !== undefined
    return changing || wrote ? Promise.all([changing, wrote && settle()]).then(() => undefined) : undefined
  })
  const server = createServer((req, res) => {
    front.handle(req, res, () => {
      forwarder.forward(req, res).then(
        (answer) => front.forwarded(req, answer),
        () => {
          front.forwarded(req, undefined)
          fail(res)
        },
      )
    })
  })
  // What the parser hands on and what it shows must be the same; the size of a head is bounded anyway.
  server.maxHeadersCount = 0
  // Requests that wait for one another on a connection each listen for its end.
  server.on("connection", (socket) => socket.setMaxListeners(0))
  return server
}

class ForwardingFront extends Front {
  /** By name: whether the store has kept the answer that it is making. */
  private readonly underWay = new Map<string, Promise<boolean>>()
  private readonly endings = new WeakMap<IncomingMessage, (answer: Forwarded | undefined) => void>()
  /** Of requests that write: the tag of the answers at their address. */
  private readonly places = new WeakMap<IncomingMessage, string>()
  private readonly notKept = new LRUCache<string, true>({ max: 10_000, ttl: notKeptFor })

  constructor(protected override readonly options: FrontOptions & Pick<ProxyOptions, "cache">) {
    super(options)
  }

  /** The store has begun to answer, or will not. */
  forwarded(req: IncomingMessage, answer: Forwarded | undefined): void {
    this.endings.get(req)?.(answer)
  }

  /**
   * What was changed at an address is not answered from before (RFC 9111 §4.4): here, too, before the answer goes out.
   * @returns undefined when nothing was
   */
  changed(req: IncomingMessage, statusCode: number): Promise<void> | undefined {
    const place = this.places.get(req)
    return place !== undefined && statusCode < 400
      ? this.options.cache.invalidate({ tags: [place] })
      : undefined
  }

  protected override passes(req: IncomingMessage, _res: ServerResponse, why: string): void {
    const place = why === "it writes" && req.method !== "OPTIONS" ? this.naming.placeOf(req) : undefined
    if (place !== undefined) this.places.set(req, place)
  }

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
      if (!isComing) this.begin(req, key)
      else if (await this.await(req, res, named)) return true
      else this.notKept.set(key, true)
    }
    next()
    return false
  }

  /** The store is asked; others may wait for what it says. */
  private begin(req: IncomingMessage, key: string): void {
    if (this.underWay.has(key)) return
    const answering = new Promise<Forwarded | undefined>((resolve) => {
      const giveUp = setTimeout(resolve, longestWait, undefined)
      this.endings.set(req, (answer) => {
        clearTimeout(giveUp)
        resolve(answer)
      })
    })
    const isKept = answering.then((answer) => {
      this.underWay.delete(key)
      const wasKept = /\bstored\b|\bhit\b/.test(answer?.cacheStatus ?? "")
      if (!wasKept && answer?.statusCode === 200) this.notKept.set(key, true)
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
