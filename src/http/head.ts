/** The lines of a head that tell caches, browsers and CDNs what they may do. */
import type { AnswerHead } from "./answer"
import type { Policy } from "./policy"
import type { SurrogateHeader } from "./surrogate"

export interface Audience {
  policy: Policy
  /** Whether the request was one of someone. */
  isPrivate: boolean
  /** What makes it an answer for the origin that asks. */
  crossOrigin: readonly [name: string, value: string][]
  surrogate: SurrogateHeader | undefined
}

export function headLines(
  answer: AnswerHead,
  { policy, isPrivate, crossOrigin, surrogate }: Audience,
): string {
  const { isCrossOrigin, vary, surrogateKeys, says } = answer
  const isUnpurgeable = surrogate !== undefined && surrogateKeys === undefined
  const depends = [...alwaysNamed, ...(isCrossOrigin ? ["Origin"] : []), ...vary]
  const lines = [
    ...crossOrigin,
    ["Vary", depends.join(", ")],
    ...(says.length > 0 && !isPrivate ? says : cachingLines(policy, isPrivate, isUnpurgeable)),
  ]
  if (surrogate && surrogateKeys !== undefined && !isPrivate) lines.push([surrogate.name, surrogateKeys])
  return lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")
}

/** Headers of the request that are in every name. */
const alwaysNamed = ["Accept-Encoding", "x-publishable-api-key", "x-medusa-locale"]
const isAlwaysNamed = new Set(["", "origin", ...alwaysNamed.map((name) => name.toLowerCase())])

/** What an answer says itself that it depends on, beside what is always in its name or made anew for each reply. */
export function varied(headers: ReadonlyMap<string, string[]>): string[] {
  const named = (headers.get("vary") ?? [])
    .join()
    .split(",")
    .map((name) => name.trim().toLowerCase())
  return named.filter((name) => !isAlwaysNamed.has(name))
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
