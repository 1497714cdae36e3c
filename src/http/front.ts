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
import { addressOf } from "./address"
import { type AnswerHead, answerFormat, encodeAnswer, etagOf } from "./answer"
import { matcherOf, type Policy } from "./policy"
import { type Rendered, render, sendRendered } from "./render"
import { Reply, type Way } from "./reply"
import {
  all,
  cookiesOf,
  hasBody,
  headersOf,
  isOfSomeone,
  isWatched,
  localeOf,
  partOf,
  pathOf,
  urlOf,
  watch,
} from "./request"
import { type SurrogateHeader, surrogateKeys } from "./surrogate"

/** What a render read. */
export interface Read {
  tags: readonly string[]
  /** Milliseconds since 1970. */
  until: number
}

export interface FrontOptions {
  cache: Pick<Cache, "peek" | "getOrSet">
  policies: readonly Policy[]
  /**
   * Runs a render and knows what it read.
   * @returns `read` undefined when it must not be kept
   */
  track<T>(key: string, run: () => Promise<T>): Promise<{ value: T; read: Read | undefined }>
  /** Headers that make an answer one for this origin, as the store does it. */
  crossOrigin(origin: string | undefined): [name: string, value: string][]
  surrogate?: SurrogateHeader | undefined
  /** A short name for a tag, that says nothing of the store. */
  nameOf(tag: string): string
  /** Whether those who are someone are answered, too. */
  knowsPeople?: boolean | undefined
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

/** What an answer is called, and by which rule it is kept. */
interface Named {
  key: string
  policy: Policy
}

const limits = { mostBytes: 8_388_608, longest: 30_000 }
/** How long an answer that was not kept is rendered without waiting for others, in milliseconds. */
const notKeptFor = 10_000
/** How many requests are known by their raw text. */
const mostRaw = 20_000
/** The longest to wait for the render of another process, in milliseconds. */
const lockTimeout = 10_000
/** A route whose answers would be named by more headers of the request is not kept. */
const mostHeaders = 4
/** A longer key and language name no answer. */
const longestWho = 512
/** Headers of an answer that belong to a connection, or are made anew for each reply. */
const passing = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "date",
  "content-length",
  "etag",
  "vary",
  "cache-control",
  "access-control-allow-origin",
  "access-control-allow-credentials",
  // Of one request.
  "server-timing",
  "x-correlation-id",
  "x-request-id",
  "x-response-time",
])

/** A render that is not kept: who waited for it renders himself. */
class NotKept extends Error {}

export class Front {
  private readonly policyOf: (path: string) => Policy | undefined
  /** From the raw text of a request to the name of its answer. */
  private readonly names = new LRUCache<string, Named>({ max: mostRaw })
  /** Requests whose answer was sought. */
  private readonly asked = new WeakSet<IncomingMessage>()
  private readonly replies = new WeakMap<Buffer, Reply>()
  /** By route: headers that were found to shape its answers. */
  private readonly found = new Map<string, Set<string>>()
  private readonly notKept = new LRUCache<string, string>({ max: 10_000, ttl: notKeptFor })

  constructor(private readonly options: FrontOptions) {
    this.policyOf = matcherOf(options.policies)
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
    const named = this.nameOf(req, "within", JSON.stringify(who))
    if (named && isWatched(req)) void this.answer(req, res, next, { ...named, asker }, () => undefined)
    else next()
  }

  /** Something was looked at that is this person's alone. */
  notePersonal(req: IncomingMessage): void {
    if (isWatched(req)) for (const name of personal) watch(req).lookedAt.add(name)
  }

  /** Whether the request may be asked within: it was not asked before, and its route is in the table. */
  waitsWithin(req: IncomingMessage): boolean {
    const isRead = req.method === "GET" || req.method === "HEAD"
    return (
      this.options.knowsPeople === true &&
      isRead &&
      !this.asked.has(req) &&
      this.policyOf(pathOf(req)) !== undefined
    )
  }

  /** @returns false when Express shall answer */
  private takes(req: IncomingMessage, res: ServerResponse, next: Next): boolean {
    const { method, url, headers } = req
    if ((method !== "GET" && method !== "HEAD") || hasBody(req)) return false
    if (isOfSomeone(req)) {
      if (this.options.knowsPeople && this.policyOf(pathOf(req))) watch(req)
      return false
    }
    const who = `${headers["x-publishable-api-key"]}\n${localeOf(req)}`
    if (who.length > longestWho) return false
    const raw = `${url}\n${who}`
    const known = this.names.get(raw)
    const found = known && this.options.cache.peek(known.key)
    const log = () => this.options.onHit?.(req, res.statusCode)
    if (found) {
      this.hit(req, res, known.policy, found)
      log()
      return true
    }
    const named = this.nameOf(req, "http", who)
    if (named?.policy.ask !== "before") {
      if (named) watch(req)
      return false
    }
    const remember = () => {
      if (this.varyOf(named.policy).length === 0) this.names.set(raw, named)
      log()
    }
    void this.answer(req, res, next, named, remember)
    return true
  }

  /** @param place where it is asked: what is named there is named for no other */
  private nameOf(req: IncomingMessage, place: "http" | "within", who: string): Named | undefined {
    const policy = this.policyOf(pathOf(req))
    const address = policy && addressOf(urlOf(req), policy.defaults)
    if (!address) return undefined
    const vary = this.varyOf(policy).map((name) => partOf(req, name))
    return {
      policy,
      key: `${place}${answerFormat}:${[address.path, address.query, who, ...vary].join("\n")}`,
    }
  }

  private varyOf({ matcher, headers }: Policy): string[] {
    return [...headers, ...(this.found.get(matcher) ?? [])]
  }

  private hit(req: IncomingMessage, res: ServerResponse, policy: Policy, { value, expiresAt }: Fresh): void {
    const now = Date.now()
    const bytes = value as Buffer
    this.send(req, res, policy, bytes, () => `hit; ttl=${Math.ceil((expiresAt - now) / 1_000)}`, now)
  }

  /** The answer of this name: from the cache, or rendered for it. */
  private async answer(
    ...given: [IncomingMessage, ServerResponse, Next, Named & { asker?: Asker }, () => void]
  ): Promise<void> {
    const [, res, next] = given
    try {
      await this.seek(...given)
    } catch {
      if (!isOver(res)) next()
    }
  }

  private async seek(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    { key, policy, asker }: Named & { asker?: Asker },
    onHit: () => void,
  ): Promise<void> {
    this.asked.add(req)
    const found = this.options.cache.peek(key)
    if (found) {
      this.hit(req, res, policy, found)
      onHit()
      return
    }
    if (this.notKept.has(key)) {
      next()
      return
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
          if (!read) throw new NotKept("what it depends on is not known")
          tag(...read.tags)
          expire(read.until)
          if (asker?.isPersonal(read.tags)) this.notePersonal(req)
          return this.kept(value, policy, req, read.tags)
        },
      })
      mine?.release()
      this.send(req, res, policy, bytes, mine ? "fwd=uri-miss; stored" : "hit; detail=waited", Date.now())
    } catch (error) {
      if (isOut || res.writableEnded) return
      if (error instanceof NotKept) this.notKept.set(key, error.message)
      if (mine) sendRendered(res, mine)
      else next()
    }
  }

  /** @throws NotKept when it must not be kept for others */
  private kept(rendered: Rendered, policy: Policy, req: IncomingMessage, tags: readonly string[]): Buffer {
    const { status, headers, body, lookedAt } = rendered
    const { surrogate, crossOrigin, nameOf } = this.options
    const { route } = req as { route?: { path: unknown } }
    if (route && route.path !== policy.matcher) throw new NotKept(`${String(route.path)} answered`)
    if (status !== 200) throw new NotKept(`status ${status}`)
    if (headers.has("set-cookie")) throw new NotKept("it sets a cookie")
    const control = headers.get("cache-control")?.join() ?? ""
    if (/\b(private|no-store|no-cache)\b/i.test(control)) throw new NotKept(`Cache-Control: ${control}`)
    this.requireNamed(policy, [...lookedAt, ...varied(headers)])
    const isCrossOrigin = headers.has("access-control-allow-credentials")
    const allowed = headers.get("access-control-allow-origin")?.join()
    const expected = new Map(isCrossOrigin ? crossOrigin(headersOf(req).origin) : [])
    if (allowed !== expected.get("Access-Control-Allow-Origin"))
      throw new NotKept("it allows an origin of its own")
    return encodeAnswer({
      headers: [...headers]
        .filter(([name]) => !passing.has(name))
        .flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
      etag: etagOf(body),
      isCrossOrigin,
      vary: this.varyOf(policy),
      surrogateKeys: surrogate && surrogateKeys(tags, nameOf, surrogate),
      body,
    })
  }

  /** @throws NotKept when a header shaped the answer that is not in its name; from now on it is in those of the route */
  private requireNamed(policy: Policy, names: readonly string[]): void {
    const known = this.varyOf(policy)
    const missing = names.filter((name) => !known.includes(name))
    if (missing.length === 0) return
    for (const name of missing) {
      if (name === all || known.length >= mostHeaders) throw new NotKept(`it depends on ${name}`)
      const found = this.found.get(policy.matcher) ?? new Set()
      this.found.set(policy.matcher, found.add(name))
      this.options.onVary?.(policy.matcher, name)
    }
    throw new NotKept(`it depends on ${missing.join(", ")}`)
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
    const origin = answer.isCrossOrigin ? headersOf(req).origin : undefined
    const isPrivate = isOfSomeone(req)
    const isHit = typeof status !== "string"
    const way: Way = {
      status: isHit ? status : () => status,
      lines: () => this.linesOf(answer, policy, origin, isPrivate),
      name: isHit ? `${isPrivate} ${origin}` : undefined,
    }
    reply.send(req, res, way, now)
  }

  /** The lines of a head that tell caches and browsers what they may do. */
  private linesOf(
    { isCrossOrigin, vary, surrogateKeys }: AnswerHead,
    policy: Policy,
    origin: string | undefined,
    isPrivate: boolean,
  ): string {
    const { surrogate, crossOrigin } = this.options
    const isUnpurgeable = surrogate !== undefined && surrogateKeys === undefined
    const depends = [...alwaysNamed, ...(isCrossOrigin ? ["Origin"] : []), ...vary]
    const lines = [
      ...(isCrossOrigin ? crossOrigin(origin) : []),
      ["Vary", depends.join(", ")],
      ...cachingLines(policy, isPrivate, isUnpurgeable),
    ]
    if (surrogate && surrogateKeys !== undefined && !isPrivate) lines.push([surrogate.name, surrogateKeys])
    return lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  }
}

/**
 * A browser asks every time whether it still holds (RFC 9111 §5.2.2.4), a CDN for as long as the policy says (RFC 9213); what
 * is someone's is for nobody else (RFC 9111 §5.2.2.7).
 */
function cachingLines({ cdn }: Policy, isPrivate: boolean, isUnpurgeable: boolean): [string, string][] {
  if (isPrivate) return [["Cache-Control", "private, no-cache"]]
  const browser: [string, string] = ["Cache-Control", "public, max-age=0, must-revalidate"]
  if (!cdn || isUnpurgeable) return [browser, ["CDN-Cache-Control", "no-store"]]
  const seconds = (milliseconds: number) => Math.round(milliseconds / 1_000)
  const { maxAge, staleWhileRevalidate, staleIfError } = cdn
  const parts = [`public, max-age=${seconds(maxAge)}`]
  if (staleWhileRevalidate !== undefined)
    parts.push(`stale-while-revalidate=${seconds(staleWhileRevalidate)}`)
  if (staleIfError !== undefined) parts.push(`stale-if-error=${seconds(staleIfError)}`)
  return [browser, ["CDN-Cache-Control", parts.join(", ")]]
}

/** Whether nothing can be answered any more. */
function isOver(res: ServerResponse): boolean {
  if (res.headersSent && !res.writableEnded) res.destroy()
  return res.headersSent
}

/** The headers that say who it is. */
const personal = ["authorization", "cookie"]
const alwaysNamed = ["Accept-Encoding", "x-publishable-api-key", "x-medusa-locale"]
const isAlwaysNamed = new Set(["", "origin", ...alwaysNamed.map((name) => name.toLowerCase())])

/** What the answer itself says it depends on, beside what is always in its name or made anew for each reply. */
function varied(headers: ReadonlyMap<string, string[]>): string[] {
  const named = (headers.get("vary") ?? [])
    .join()
    .split(",")
    .map((name) => name.trim().toLowerCase())
  return named.filter((name) => !isAlwaysNamed.has(name))
}
