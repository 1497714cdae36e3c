/**
 * A request as it came, and what is looked at of it while it is answered. Whatever is looked at may shape the answer; what is
 * not known to be harmless must be part of its name.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import { digest } from "../engine"

interface Watched {
  headers: IncomingHttpHeaders
  lookedAt: Set<string>
  /** How often those of `counted` were looked at. */
  counts: Map<string, number>
  isRendered: boolean
}

/** Headers that are looked at for every answer, and shape none that is kept beside what its name tells. */
const known = new Set([
  "access-control-request-method",
  "authorization",
  "content-length",
  "content-type",
  "cookie",
  "transfer-encoding",
  "x-medusa-locale",
  "x-no-compression",
  "x-publishable-api-key",
  "x-request-id",
])
/** What cors (2.8) and express-session look at for every answer, and how often; who looks again means something by it. */
const counted = new Map([
  ["origin", 2],
  ["x-forwarded-proto", 1],
])
/** In place of a name: all of them were looked at. */
export const all = "*"
/** What request-ip and express-session look for (medusa/dist/loaders/index.js:66, framework/dist/http/express-loader.js:54; 2.21.2). */
const ofConnection =
  /^(x-client-ip|x-forwarded(-for)?|forwarded(-for)?|cf-connecting-ip|cf-pseudo-ipv4|do-connecting-ip|fastly-client-ip|true-client-ip|x-real-ip|x-cluster-client-ip|x-appengine-user-ip)$/
/** What a renderer must not see: it shall render the whole answer, as it is for anyone. */
const hidden = new Set([
  "accept-encoding",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "range",
])
/** Cookies of Medusa's session, which says who it is, and of those who count visitors. */
const harmlessCookie =
  /^(connect\.sid|_ga.*|_gid|_gat.*|_gcl_.*|_fb[cp]|_hj.*|_pk_.*|__stripe_[ms]id|__cf_bm|cf_clearance)$/
const longest = 64

const watched = new WeakMap<IncomingMessage, Watched>()

/** From now on it is known what is looked at. */
export function watch(req: IncomingMessage): Watched {
  const before = watched.get(req)
  if (before) return before
  const { headers } = req
  const made: Watched = { headers, lookedAt: new Set(), counts: new Map(), isRendered: false }
  /** Looks that a copy by Medusa's instrumentation has yet to make: of each name whether it is there, then its value. */
  let copied: string[] = []
  const look = (name: string | symbol) => {
    if (typeof name !== "string") return true
    if (copied[0] === name) {
      copied.shift()
      return true
    }
    copied = []
    if (made.isRendered && hidden.has(name)) return false
    const most = counted.get(name)
    if (most !== undefined) {
      const count = (made.counts.get(name) ?? 0) + 1
      made.counts.set(name, count)
      if (count > most) made.lookedAt.add(name)
      return true
    }
    if (!known.has(name) && !hidden.has(name) && !ofConnection.test(name)) made.lookedAt.add(name)
    return true
  }
  const proxy = new Proxy(headers, {
    get: (target, name) => (look(name) ? Reflect.get(target, name) : undefined),
    has: (target, name) => look(name) && Reflect.has(target, name),
    getOwnPropertyDescriptor: (target, name) => {
      look(name)
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
    ownKeys: (target) => {
      if (isTraced(new Error().stack)) copied = Object.keys(target).flatMap((name) => [name, name])
      else made.lookedAt.add(all)
      return Reflect.ownKeys(target)
    },
  })
  // node's `headersDistinct` is made of them, too.
  const { rawHeaders } = req
  const get = () => {
    made.lookedAt.add(all)
    return rawHeaders
  }
  Object.defineProperty(req, "rawHeaders", { get, configurable: true })
  Object.defineProperty(req, "headers", { value: proxy, configurable: true, writable: true })
  watched.set(req, made)
  return made
}

/**
 * Whether it is Medusa's OpenTelemetry instrumentation that copies the headers, into a span, where they shape nothing
 * (`traceRequestHandler`, medusa/dist/instrumentation/index.js:73, 2.21.2). What it then calls has it in its
 * stack, too; who asks stands first, with source maps by the name of the source.
 */
const isTraced = (stack = "") =>
  /[\\/]@medusajs[\\/]medusa[\\/](dist|src)[\\/]instrumentation[\\/]/.test(stack.split("\n")[2] ?? "")

export const isWatched = (req: IncomingMessage) => watched.has(req)

/** The headers as they came; looking here is not noted. */
export const headersOf = (req: IncomingMessage): IncomingHttpHeaders =>
  watched.get(req)?.headers ?? req.headers

export const isRead = ({ method }: IncomingMessage) => method === "GET" || method === "HEAD"

/** A body may shape the answer to a GET, too. */
export function hasBody(req: IncomingMessage): boolean {
  const { "content-length": length = "0", "transfer-encoding": encoding } = headersOf(req)
  return encoding !== undefined || length !== "0"
}

export function isOfSomeone(req: IncomingMessage): boolean {
  const { authorization, cookie } = headersOf(req)
  return authorization !== undefined || cookie !== undefined
}

/** Express cuts off what a middleware was mounted at. */
export const urlOf = (req: IncomingMessage & { originalUrl?: string }) => req.originalUrl ?? req.url ?? ""
export const pathOf = (req: IncomingMessage) => urlOf(req).split("?", 1)[0]!
export const localeOf = (req: IncomingMessage) => headersOf(req)["x-medusa-locale"]

/** A header's value as a part of a name. */
export function partOf(req: IncomingMessage, header: string): string {
  const value = String(headersOf(req)[header])
  return `${header}=${value.length > longest ? digest(value) : value}`
}

/** The cookies that may shape an answer, as a part of its name. */
export function cookiesOf(req: IncomingMessage): string {
  const cookies = (headersOf(req).cookie ?? "").split(";").map((one) => one.trim())
  const counted = cookies.filter((one) => one !== "" && !harmlessCookie.test(one.split("=", 1)[0]!))
  return counted.length === 0 ? "" : digest(counted.sort().join(";"))
}
