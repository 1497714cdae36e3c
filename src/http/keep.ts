/** What of a render is kept, and for how long; and why it is not. */
import { digest } from "../engine"
import { type Answer, encodeAnswer } from "./answer"
import { ageOf, ownLife } from "./lifetime"
import type { Rendered } from "./render"

/** A render that is not kept: who waited for it renders himself. */
export class NotKept extends Error {}

/** What the front knows of an answer beside its bytes. */
export interface Circumstances {
  /** The route's own path in the policy, and the one that Express found. */
  matcher: string
  route: unknown
  /** The origin that the answer is to allow; undefined for none. */
  allowedOrigin(): string | undefined
  vary: string[]
  surrogateKeys: string | undefined
}

/** Headers of an answer that belong to a connection (RFC 9110 §7.6.1), or are made anew for each reply. */
const passing = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "date",
  "content-length",
  "etag",
  "vary",
  "age",
  "access-control-allow-origin",
  "access-control-allow-credentials",
  // Of one request.
  "cache-status",
  "server-timing",
  "x-correlation-id",
  "x-request-id",
  "x-response-time",
])
/** Headers by which an answer speaks to caches. */
const toCaches = new Set(["cache-control", "cdn-cache-control", "expires"])

/**
 * @returns the bytes to keep, and how long at most, in milliseconds
 * @throws NotKept when it must not be kept for others
 */
export function keep(
  rendered: Rendered,
  { matcher, route, allowedOrigin, vary, surrogateKeys }: Circumstances,
) {
  const { status, headers, body } = rendered
  if (route !== undefined && route !== matcher) throw new NotKept(`${String(route)} answered`)
  if (status !== 200) throw new NotKept(`status ${status}`)
  if (headers.has("set-cookie")) throw new NotKept("it sets a cookie")
  const now = Date.now()
  const life = ownLife(headers, now)
  if (life === 0) throw new NotKept(`Cache-Control: ${headers.get("cache-control")?.join() ?? "expired"}`)
  const isCrossOrigin = headers.has("access-control-allow-credentials")
  const expected = isCrossOrigin ? allowedOrigin() : undefined
  if (headers.get("access-control-allow-origin")?.join() !== expected) {
    throw new NotKept("it allows an origin of its own")
  }
  const ofConnection = (headers.get("connection") ?? [])
    .join()
    .split(",")
    .map((name) => name.trim().toLowerCase())
  const lines = [...headers]
    .filter(([name]) => !passing.has(name) && !ofConnection.includes(name))
    .flatMap(([name, values]) => values.map((value): [string, string] => [name, value]))
  const answer: Answer = {
    headers: lines.filter(([name]) => !toCaches.has(name)),
    says: lines.filter(([name]) => toCaches.has(name)),
    madeAt: (Date.parse(headers.get("date")?.[0] ?? "") || now) - ageOf(headers),
    etag: strong.exec(headers.get("etag")?.[0] ?? "")?.[1] ?? digest(body),
    isCrossOrigin,
    vary,
    surrogateKeys,
    body,
  }
  return { bytes: encodeAnswer(answer), life }
}

/** An ETag that is not weak: Express makes weak ones, by itself. */
const strong = /^"([^"]*)"$/
