/**
 * The HTTP cache: answers to anonymous readers of the catalogue, before anything else wakes.
 *
 * The story. A request's URL, key and language name an answer. Is it in memory and does all that it was made of still
 * stand, its bytes go out. Else it is sought: inside a store it is rendered (rendering.ts), before one it is looked for in
 * Redis, and asked of the store (src/proxy).
 *
 * What must hold. Nothing that shaped an answer may be missing in its name: a header that is read while it is rendered, and
 * that is not known to be harmless, becomes part of the name (as `Vary` would have it, RFC 9111 §4.1). What sets a cookie, is
 * private, or failed is nobody else's. In doubt it goes out as it was rendered, and is not kept.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { LRUCache } from "lru-cache"
import type { Cache, Fresh } from "../engine"
import { headLines } from "./head"
import { directivesOf } from "./lifetime"
import { type Named, Naming } from "./naming"
import type { Policy } from "./policy"
import { Reply, type Way } from "./reply"
import { hasBody, headersOf, isOfSomeone, isRead, localeOf } from "./request"
import type { SurrogateHeader } from "./surrogate"

export interface FrontOptions {
  cache: Pick<Cache, "peek">
  policies: readonly Policy[]
  /** Headers that make an answer one for this origin, as the store does it. */
  crossOrigin(origin: string | undefined): [name: string, value: string][]
  surrogate?: SurrogateHeader | undefined
  /** Whether a request's `Cache-Control: no-cache` and `no-store` are followed. */
  honorsNoCache?: boolean | undefined
  /** An answer was sent from here: for the access log. */
  onHit?: ((req: IncomingMessage, status: number) => void) | undefined
  /** A header was found to shape the answers of a route. */
  onVary?(route: string, header: string): void
}

/** Lets the request be answered by who would have answered it without us. */
export type Next = () => void

/** How many requests are known by their raw text. */
const mostRaw = 20_000
/** A longer key and language name no answer. */
const longestWho = 512

export abstract class Front {
  protected readonly naming: Naming
  /** From the raw text of a request to the name of its answer. */
  private readonly names = new LRUCache<string, Named>({ max: mostRaw })
  private readonly replies = new WeakMap<Buffer, Reply>()

  constructor(protected readonly options: FrontOptions) {
    this.naming = new Naming(options.policies, options.onVary)
  }

  /**
   * Answers what memory does not have, or lets it be answered.
   * @returns whether it was answered from what is kept
   */
  protected abstract seek(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    wanted: Named,
  ): Promise<boolean>

  /** A request is let through, and why. */
  protected abstract passes(
    req: IncomingMessage,
    res: ServerResponse,
    why: "it writes" | "of someone" | "asked after",
  ): void

  /** Answers, or lets it be answered. */
  handle(req: IncomingMessage, res: ServerResponse, next: Next): void {
    try {
      if (this.takes(req, res, next)) return
    } catch {
      if (isOver(res)) return
    }
    next()
  }

  /** @returns false when another shall answer */
  private takes(req: IncomingMessage, res: ServerResponse, next: Next): boolean {
    const { url, headers } = req
    if (!isRead(req)) {
      this.passes(req, res, "it writes")
      return false
    }
    if (hasBody(req)) return false
    if (isOfSomeone(req)) {
      if (this.naming.policyOf(req)) this.passes(req, res, "of someone")
      return false
    }
    const who = `${headers["x-publishable-api-key"]}\n${localeOf(req)}`
    if (who.length > longestWho || this.asksNotTo("no-store", req)) return false
    const raw = `${url}\n${who}`
    const known = this.names.get(raw)
    const found = known && !this.asksNotTo("no-cache", req) && this.options.cache.peek(known.key)
    const log = () => this.options.onHit?.(req, res.statusCode)
    if (found) {
      this.hit(req, res, known.policy, found)
      log()
      return true
    }
    const named = this.naming.nameOf(req, "http", who)
    if (named?.policy.ask !== "before") {
      if (named) this.passes(req, res, "asked after")
      return false
    }
    const remember = () => {
      if (this.naming.varyOf(named.policy).length === 0) this.names.set(raw, named)
      log()
    }
    void this.answer(req, res, next, named, remember)
    return true
  }

  /** Whether the request is one that must not be answered from what is kept (RFC 9111 §5.2.1.4, §5.2.1.5), and is heard. */
  protected asksNotTo(directive: "no-cache" | "no-store", req: IncomingMessage): boolean {
    const { "cache-control": control } = headersOf(req)
    return (
      this.options.honorsNoCache === true && control !== undefined && directivesOf([control]).has(directive)
    )
  }

  /** The answer of this name: from memory, or sought. */
  protected async answer(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    wanted: Named,
    onHit: () => void,
  ): Promise<void> {
    const { key, policy } = wanted
    try {
      const found = this.asksNotTo("no-cache", req) ? undefined : this.options.cache.peek(key)
      if (found) this.hit(req, res, policy, found)
      if (found || (await this.seek(req, res, next, wanted))) onHit()
    } catch {
      if (!isOver(res)) next()
    }
  }

  protected hit(
    req: IncomingMessage,
    res: ServerResponse,
    policy: Policy,
    { value, expiresAt }: Fresh,
  ): void {
    const now = Date.now()
    const bytes = value as Buffer
    this.send(req, res, policy, bytes, () => `hit; ttl=${Math.ceil((expiresAt - now) / 1_000)}`, now)
  }

  protected send(
    req: IncomingMessage,
    res: ServerResponse,
    policy: Policy,
    bytes: Buffer,
    status: string | (() => string),
    now: number,
  ): void {
    let reply = this.replies.get(bytes)
    if (!reply) {
      reply = new Reply(bytes)
      this.replies.set(bytes, reply)
    }
    const { answer } = reply
    const { surrogate, crossOrigin } = this.options
    const origin = answer.isCrossOrigin ? headersOf(req).origin : undefined
    const isPrivate = isOfSomeone(req)
    const isHit = typeof status !== "string"
    const lines = () => {
      const allowed = answer.isCrossOrigin ? crossOrigin(origin) : []
      return headLines(answer, { policy, isPrivate, crossOrigin: allowed, surrogate })
    }
    const name = isHit ? `${isPrivate} ${origin}` : undefined
    const way: Way = { status: isHit ? status : () => status, lines, name }
    reply.send(req, res, way, now)
  }
}

/** Whether nothing can be answered any more. */
function isOver(res: ServerResponse): boolean {
  if (res.headersSent && !res.writableEnded) res.destroy()
  return res.headersSent
}
