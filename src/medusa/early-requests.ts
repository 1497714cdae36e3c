/**
 * What a shopper's request asks first is asked when it is heard, before Express and Medusa's middlewares know who asks: if its URL names a cart, or what is made
 * of one, and it brings a key that was good a moment ago. What it is given is nobody's until the request has come as far as its route.
 *
 * The kind of a request is told by the names in its body, too, which is not there yet: it is taken for one of the kind that its URL was of last. When more is asked once the body
 * is there, the next of its kind wait for it: one message is cheaper than two.
 */
import { channel } from "node:diagnostics_channel"
import type { IncomingMessage } from "node:http"
import { LRUCache } from "lru-cache"
import { type About, cartIn, type Freshness, madeOfCart, type Outset } from "./freshness"
import { aboutOf, kindOf } from "./kinds-of-requests"

/** How long it is taken for good, and how long those of a kind wait for their bodies. Milliseconds. */
const longestKey = 60_000
const longestWait = 60_000
const mostKeys = 1_000
const mostKinds = 200
const keyHeader = "x-publishable-api-key"

const requestStart = channel("http.server.request.start")

export class EarlyRequests {
  /** Those that Medusa let pass. */
  private readonly keys = new LRUCache<string, true>({ max: mostKeys, ttl: longestKey })
  /** By that of the same request without a body. */
  private readonly kinds = new LRUCache<string, string>({ max: mostKinds })
  /** Kinds that wait. */
  private readonly waiting = new LRUCache<string, true>({ max: mostKinds, ttl: longestWait })
  private readonly outsets = new WeakMap<IncomingMessage, { outset: Outset; about: About }>()
  private readonly hear = (message: unknown) => {
    try {
      this.setOut((message as { request: IncomingMessage }).request)
    } catch {
      // Who speaks otherwise than HTTP is told so by others, and what is not asked now is asked when it is its turn.
    }
  }

  constructor(private readonly freshness: Pick<Freshness, "setOut" | "askMore" | "isOfSame">) {
    requestStart.subscribe(this.hear)
  }

  close(): void {
    requestStart.unsubscribe(this.hear)
  }

  private setOut(request: IncomingMessage): void {
    const { method = "", url = "", headers } = request
    const key = headers[keyHeader]
    if (typeof key !== "string" || !this.keys.has(key) || !namesCart(url)) return
    const alone = aboutOf({ method, originalUrl: url })
    const kind = alone.kind && this.kinds.get(alone.kind)
    if (kind === undefined || this.waiting.has(kind)) return
    const about = { ...alone, kind }
    const outset = this.freshness.setOut(about)
    if (outset) this.outsets.set(request, { outset, about })
  }

  /** A request has come as far as its route. @returns what was asked for it, if it is of the kind and about the cart it was taken for */
  arrived(request: IncomingMessage & { originalUrl: string }, about: About): Outset | undefined {
    const { method = "", originalUrl, headers } = request
    const key = headers[keyHeader]
    if (typeof key === "string") this.keys.set(key, true)
    if (about.kind === undefined || !namesCart(originalUrl)) return undefined
    const alone = kindOf(method, originalUrl)
    if (alone !== undefined) this.kinds.set(alone, about.kind)
    const early = this.outsets.get(request)
    if (!early || !this.freshness.isOfSame(early.about, about)) return undefined
    if (this.freshness.askMore(early.outset, about)) this.waiting.set(about.kind, true)
    return early.outset
  }
}

const namesCart = (url: string) =>
  url.startsWith("/store/") && (cartIn(url) !== undefined || madeOfCart.test(url))
