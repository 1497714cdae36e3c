/**
 * The HTTP cache: answers to anonymous readers of the catalogue, before Express wakes.
 *
 * The story. A request's URL, key and language name an answer. Is it in memory and does all that it was made of still
 * stand, its bytes go out. Else Express renders it once, for all who ask meanwhile, in all processes; what the render read is what
 * it depends on, from the check of the publishable key to the last price. Requests of someone (a cookie, an identity) are asked
 * again inside, after Medusa has checked who it is: the channels of his key and his customer groups name his answer.
 *
 * What must hold. Nothing that shaped an answer may be missing in its name: a header that is read while it is rendered, and
 * that is not known to be harmless, becomes part of the name (as `Vary` would have it, RFC 9111 §4.1). What sets a cookie, is
 * private, or failed is nobody else's. In doubt it goes out as it was rendered, and is not kept.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { LRUCache } from "lru-cache"
import type { Cache, Fresh } from "../engine"
import { headLines, varied } from "./head"
import { keep, NotKept } from "./keep"
import { directivesOf } from "./lifetime"
import { type Named, Naming } from "./naming"
import type { Policy } from "./policy"
import { type Rendered, render, sendRendered } from "./render"
import { Reply, type Way } from "./reply"
import { cookiesOf, hasBody, headersOf, isOfSomeone, isRead, isWatched, localeOf, watch } from "./request"
import { type SurrogateHeader, surrogateKeys } from "./surrogate"

/** What a render read. */
export interface Read {
  tags: readonly string[]
  /** Milliseconds since 1970. */
  until: number
}

export interface FrontOptions {
  cache: Pick<Cache, "peek" | "getOrSet" | "delete" | "invalidate">
  policies: readonly Policy[]
  /**
   * Runs a render and knows what it read.
   * @returns in place of what it read, why it must not be kept
   */
  track<T>(key: string, run: () => Promise<T>): Promise<{ value: T; read: Read | string }>
  /** Headers that make an answer one for this origin, as the store does it. */
  crossOrigin(origin: string | undefined): [name: string, value: string][]
  surrogate?: SurrogateHeader | undefined
  /** A short name for a tag, that says nothing of the store. */
  nameOf(tag: string): string
  /** Whether those who are someone are answered, too. */
  knowsPeople?: boolean | undefined
  /** Whether a request's `Cache-Control: no-cache` and `no-store` are followed. */
  honorsNoCache?: boolean | undefined
  /** An answer was sent without Express: for the access log. */
  onHit?: ((req: IncomingMessage, status: number) => void) | undefined
  /** A header was found to shape the answers of a route. */
  onVary?(route: string, header: string): void
}

/** Who asks, as the second path knows him. */
export interface Asker {
  salesChannels: readonly string[]
  /** Undefined when nobody signed in. */
  customerGroups: readonly string[] | undefined
  /** Whether an answer that depends on these tags is his alone. */
  isPersonal(tags: readonly string[]): boolean
}

type Next = () => void

/** What a request asks for, and who asks, when that is known. */
type Wanted = Named & { asker?: Asker | undefined }

const limits = { mostBytes: 8_388_608, longest: 30_000 }
/** How long an answer that was not kept is rendered without waiting for others, in milliseconds. */
const notKeptFor = 10_000
/** How many requests are known by their raw text. */
const mostRaw = 20_000
/** The longest to wait for the render of another process, in milliseconds. */
const lockTimeout = 10_000
/** A longer key and language name no answer. */
const longestWho = 512

export class Front {
  private readonly naming: Naming
  /** From the raw text of a request to the name of its answer. */
  private readonly names = new LRUCache<string, Named>({ max: mostRaw })
  /** Requests whose answer was sought. */
  private readonly asked = new WeakSet<IncomingMessage>()
  private readonly replies = new WeakMap<Buffer, Reply>()
  /** Answers that were not kept, and why. */
  private readonly notKept = new LRUCache<string, string>({ max: 10_000, ttl: notKeptFor })

  constructor(private readonly options: FrontOptions) {
    this.naming = new Naming(options.policies, options.onVary)
  }

  /** Before Express: answers, or lets it be answered. */
  handle(req: IncomingMessage, res: ServerResponse, next: Next): void {
    try {
      if (this.takes(req, res, next)) return
    } catch {
      if (isOver(res)) return
    }
    next()
  }

  /** Inside Express, when it is known who asks: for those whom `handle` let through. */
  handleWithin(req: IncomingMessage, res: ServerResponse, next: Next, asker: Asker): void {
    const { salesChannels, customerGroups } = asker
    const groups = customerGroups && [...customerGroups].sort()
    const key = headersOf(req)["x-publishable-api-key"]
    const who = [key, [...salesChannels].sort(), groups, localeOf(req), cookiesOf(req)]
    const named = this.naming.nameOf(req, "within", JSON.stringify(who))
    if (named && isWatched(req) && !this.asksNotTo("no-store", req)) {
      void this.answer(req, res, next, { ...named, asker }, () => undefined)
    } else next()
  }

  /** Something was looked at that is this person's alone. */
  notePersonal(req: IncomingMessage): void {
    if (isWatched(req)) for (const name of personal) watch(req).lookedAt.add(name)
  }

  /** Whether the request may be asked within: it was not asked before, and its route is in the table. */
  waitsWithin(req: IncomingMessage): boolean {
    const isAllowed = this.options.knowsPeople === true && isRead(req) && !this.asked.has(req)
    return isAllowed && this.naming.policyOf(req) !== undefined
  }

  /** @returns false when Express shall answer */
  private takes(req: IncomingMessage, res: ServerResponse, next: Next): boolean {
    const { url, headers } = req
    if (!isRead(req)) {
      this.noteWrite(req, res)
      return false
    }
    if (hasBody(req)) return false
    if (isOfSomeone(req)) {
      if (this.naming.policyOf(req)) this.passSomeone(req, res)
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
      if (named) watch(req)
      return false
    }
    const remember = () => {
      if (this.naming.varyOf(named.policy).length === 0) this.names.set(raw, named)
      log()
    }
    void this.answer(req, res, next, named, remember)
    return true
  }

  /** What was changed at an address is not answered from before (RFC 9111 §4.4). Of what is in the database the feed knows better. */
  private noteWrite(req: IncomingMessage, res: ServerResponse): void {
    if (req.method === "OPTIONS") return
    const place = this.naming.placeOf(req)
    if (place === undefined) return
    res.once("finish", () => {
      if (res.statusCode < 400) void this.options.cache.invalidate({ tags: [place] })
    })
  }

  /** Who is someone is asked again within, or not answered from here at all. */
  private passSomeone(req: IncomingMessage, res: ServerResponse): void {
    if (this.options.knowsPeople) watch(req)
    else say(res, "fwd=bypass", "of someone")
  }

  /** Whether the request is one that must not be answered from what is kept (RFC 9111 §5.2.1.4, §5.2.1.5), and is heard. */
  private asksNotTo(directive: "no-cache" | "no-store", req: IncomingMessage): boolean {
    const { "cache-control": control } = headersOf(req)
    return (
      this.options.honorsNoCache === true && control !== undefined && directivesOf([control]).has(directive)
    )
  }

  private hit(req: IncomingMessage, res: ServerResponse, policy: Policy, { value, expiresAt }: Fresh): void {
    const now = Date.now()
    const bytes = value as Buffer
    this.send(req, res, policy, bytes, () => `hit; ttl=${Math.ceil((expiresAt - now) / 1_000)}`, now)
  }

  /** The answer of this name: from the cache, or rendered for it. */
  private async answer(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    wanted: Wanted,
    onHit: () => void,
  ): Promise<void> {
    const { key, policy } = wanted
    this.asked.add(req)
    try {
      const isRenewed = this.asksNotTo("no-cache", req)
      if (isRenewed) await this.options.cache.delete(key)
      const found = isRenewed ? undefined : this.options.cache.peek(key)
      const why = this.notKept.get(key)
      if (found) {
        this.hit(req, res, policy, found)
        onHit()
      } else if (why !== undefined) {
        say(res, "fwd=bypass", why)
        next()
      } else await this.seek(req, res, next, wanted)
    } catch {
      if (!isOver(res)) next()
    }
  }

  /** One render for all who ask meanwhile, in all processes. */
  private async seek(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    { key, policy, asker }: Wanted,
  ): Promise<void> {
    let mine: Rendered | undefined
    let isOut = false
    try {
      const bytes = await this.options.cache.getOrSet<Buffer>({
        key,
        ttl: policy.ttl,
        lockTimeout,
        shared: true,
        load: async ({ tag, expire }) => {
          const { value, read } = await this.options.track(key, () => render(req, res, next, limits))
          mine = value
          isOut = value === undefined
          if (!value) throw new NotKept("too large, or too slow")
          if (typeof read === "string") throw new NotKept(read)
          tag(this.naming.placeOf(req)!, ...read.tags)
          expire(read.until)
          if (asker?.isPersonal(read.tags)) this.notePersonal(req)
          const { bytes, life } = this.kept(value, policy, req, read.tags)
          if (life !== undefined) expire(Date.now() + life)
          return bytes
        },
      })
      mine?.release()
      this.send(req, res, policy, bytes, mine ? "fwd=uri-miss; stored" : "hit; detail=waited", Date.now())
    } catch (error) {
      if (isOut || res.writableEnded) return
      const why = error instanceof NotKept ? error.message : "it failed"
      if (error instanceof NotKept) this.notKept.set(key, why)
      mine?.release()
      say(res, "fwd=uri-miss", why)
      if (mine) sendRendered(res, mine)
      else next()
    }
  }

  /** @throws NotKept when it must not be kept for others */
  private kept(rendered: Rendered, policy: Policy, req: IncomingMessage, tags: readonly string[]) {
    const { headers, lookedAt } = rendered
    const { surrogate, crossOrigin, nameOf } = this.options
    this.naming.require(policy, [...lookedAt, ...varied(headers)])
    return keep(rendered, {
      matcher: policy.matcher,
      route: (req as { route?: { path: unknown } }).route?.path,
      allowedOrigin: () => new Map(crossOrigin(headersOf(req).origin)).get("Access-Control-Allow-Origin"),
      vary: this.naming.varyOf(policy),
      surrogateKeys: surrogate && surrogateKeys(tags, nameOf, surrogate),
    })
  }

  private send(
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

/** Says why an answer is not from here (RFC 9211 §2.2, §2.8). */
function say(res: ServerResponse, forwarded: string, why: string): void {
  if (res.headersSent) return
  const detail = why.replace(/[^ !#-[\]-~]/g, "?")
  res.setHeader("Cache-Status", `Pegasus; ${forwarded}; detail="${detail}"`)
}

/** Whether nothing can be answered any more. */
function isOver(res: ServerResponse): boolean {
  if (res.headersSent && !res.writableEnded) res.destroy()
  return res.headersSent
}

/** The headers that say who it is. */
const personal = ["authorization", "cookie"]
