/**
 * The front inside a store: what is not kept Express renders once, for all who ask meanwhile, in all processes; what the render
 * read is what it depends on, from the check of the publishable key to the last price. Requests of someone (a cookie, an
 * identity) are asked again inside, after Medusa has checked who it is: the channels of his key and his customer groups name his
 * answer.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { LRUCache } from "lru-cache"
import type { Cache } from "../engine"
import { Front, type FrontOptions, type Next } from "./front"
import { varied } from "./head"
import { keep, NotKept } from "./keep"
import type { Named } from "./naming"
import type { Policy } from "./policy"
import { type Rendered, render, sendRendered } from "./render"
import { cookiesOf, headersOf, isWatched, localeOf, watch } from "./request"
import { surrogateKeys } from "./surrogate"

/** What a render read. */
export interface Read {
  tags: readonly string[]
  /** Milliseconds since 1970. */
  until: number
}

export interface RenderingOptions extends FrontOptions {
  cache: Pick<Cache, "peek" | "getOrSet" | "delete" | "invalidate">
  /**
   * Runs a render and knows what it read.
   * @returns in place of what it read, why it must not be kept
   */
  track<T>(key: string, run: () => Promise<T>): Promise<{ value: T; read: Read | string }>
  /** A short name for a tag, that says nothing of the store. */
  nameOf(tag: string): string
  /** Whether those who are someone are answered, too. */
  knowsPeople?: boolean | undefined
}

/** Who asks, as the second path knows him. */
export interface Asker {
  salesChannels: readonly string[]
  /** Undefined when nobody signed in. */
  customerGroups: readonly string[] | undefined
  /** Whether an answer that depends on these tags is his alone. */
  isPersonal(tags: readonly string[]): boolean
}

/** What a request asks for, and who asks, when that is known. */
type Wanted = Named & { asker?: Asker | undefined }

const limits = { mostBytes: 8_388_608, longest: 30_000 }
/** How long an answer that was not kept is rendered without waiting for others, in milliseconds. */
const notKeptFor = 10_000
/** The longest to wait for the render of another process, in milliseconds. */
const lockTimeout = 10_000

export class RenderingFront extends Front {
  /** Requests whose answer was sought. */
  private readonly asked = new WeakSet<IncomingMessage>()
  /** Answers that were not kept, and why. */
  private readonly notKept = new LRUCache<string, string>({ max: 10_000, ttl: notKeptFor })

  constructor(protected override readonly options: RenderingOptions) {
    super(options)
  }

  /** Inside Express, when it is known who asks: for those whom `handle` let through. */
  handleWithin(req: IncomingMessage, res: ServerResponse, next: Next, asker: Asker): void {
    const { salesChannels, customerGroups } = asker
    const groups = customerGroups && [...customerGroups].sort()
    const key = headersOf(req)["x-publishable-api-key"]
    const who = [key, [...salesChannels].sort(), groups, localeOf(req), cookiesOf(req)]
    const named = this.naming.nameOf(req, "within", JSON.stringify(who))
    if (named && !this.asksNotTo("no-store", req)) {
      const wanted: Wanted = { ...named, asker }
      void this.answer(req, res, next, wanted, () => undefined)
    } else next()
  }

  /** Something was looked at that is this person's alone. */
  notePersonal(req: IncomingMessage): void {
    if (isWatched(req)) for (const name of personal) watch(req).lookedAt.add(name)
  }

  /** Whether the request was let through to be asked within, and was not yet. */
  waitsWithin(req: IncomingMessage): boolean {
    return isWatched(req) && !this.asked.has(req)
  }

  protected override passes(
    req: IncomingMessage,
    res: ServerResponse,
    why: "it writes" | "of someone" | "asked after",
  ): void {
    if (why === "it writes") this.noteWrite(req, res)
    else if (why === "asked after" || this.options.knowsPeople) watch(req)
    else say(res, "fwd=bypass", why)
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

  /** One render for all who ask meanwhile, in all processes. */
  protected override async seek(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    wanted: Wanted,
  ): Promise<boolean> {
    const { key, policy } = wanted
    this.asked.add(req)
    if (this.asksNotTo("no-cache", req)) await this.options.cache.delete(key)
    const known = this.notKept.get(key)
    if (known !== undefined) {
      say(res, "fwd=bypass", known)
      next()
      return false
    }
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
          if (wanted.asker?.isPersonal(read.tags)) this.notePersonal(req)
          const { bytes, life } = this.kept(value, policy, req, read.tags)
          if (life !== undefined) expire(Date.now() + life)
          return bytes
        },
      })
      mine?.release()
      this.send(req, res, policy, bytes, mine ? "fwd=uri-miss; stored" : "hit; detail=waited", Date.now())
      return mine === undefined
    } catch (error) {
      if (isOut || res.writableEnded) return false
      const why = error instanceof NotKept ? error.message : "it failed"
      if (error instanceof NotKept) this.notKept.set(key, why)
      mine?.release()
      say(res, "fwd=uri-miss", why)
      if (mine) sendRendered(res, mine)
      else next()
      return false
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
}

/** Says why an answer is not from here (RFC 9211 §2.2, §2.8). */
function say(res: ServerResponse, forwarded: string, why: string): void {
  if (res.headersSent) return
  const detail = why.replace(/[^ !#-[\]-~]/g, "?")
  res.setHeader("Cache-Status", `Pegasus; ${forwarded}; detail="${detail}"`)
}

/** The headers that say who it is. */
const personal = ["authorization", "cookie"]
