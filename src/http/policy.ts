/**
 * Which answers are kept, and for how long. What is not in the table is never stored: carts, orders, customers, payments,
 * whoever signs in, and everything that is not asked with GET or HEAD.
 *
 * Inside, an answer lives up to an hour, because it is gone when what it was made of changes. A CDN cannot know; the times
 * for it are those of the seeds.
 */

/** Times for caches that hear of no change, in milliseconds (RFC 9213, RFC 5861). */
export interface CdnTimes {
  maxAge: number
  staleWhileRevalidate?: number | undefined
  staleIfError?: number | undefined
}

export interface Policy {
  /** As Express writes paths: `/store/products/:id`. */
  matcher: string
  /** How long an answer lives inside, in milliseconds. */
  ttl: number
  /** Undefined: no CDN shall keep it. */
  cdn: CdnTimes | undefined
  /**
   * When the cache is asked: `before` Express, or `after` the key, the identity and the store's own middlewares for all
   * methods, which then run for every request.
   */
  ask: "before" | "after"
  /** Request headers that shape the answer, in lower case. */
  headers: readonly string[]
  /** What Medusa takes for a parameter that is not there. */
  defaults: Readonly<Record<string, string>>
}

const second = 1_000
const hour = 3_600 * second
const times = (seconds: number): CdnTimes => ({
  maxAge: seconds * second,
  staleWhileRevalidate: seconds * second,
  staleIfError: hour,
})
const pageOf = (limit: number) => ({ limit: String(limit), offset: "0" })

const row = (matcher: string, cdnSeconds: number, defaults: Record<string, string> = {}): Policy => ({
  matcher,
  ttl: hour,
  cdn: times(cdnSeconds),
  ask: "before",
  headers: [],
  defaults,
})

/** A list and what is listed. */
const rows = (matcher: string, ofList: number, ofOne: number, defaults?: Record<string, string>) => [
  row(matcher, ofList, defaults),
  row(`${matcher}/:id`, ofOne),
]

/** Medusa 2.21.2's catalogue (medusa/dist/api/store). */
export const defaultPolicies: readonly Policy[] = [
  ...rows("/store/products", 60, 300, pageOf(50)),
  ...rows("/store/product-variants", 60, 300, pageOf(20)),
  ...rows("/store/product-categories", 600, 600, pageOf(50)),
  ...rows("/store/collections", 600, 600, pageOf(10)),
  ...rows("/store/product-tags", 600, 600, pageOf(50)),
  ...rows("/store/product-types", 600, 600, pageOf(50)),
  ...rows("/store/product-options", 600, 600, pageOf(50)),
  ...rows("/store/regions", 900, 900, pageOf(50)),
  row("/store/currencies", 900, pageOf(50)),
  row("/store/currencies/:code", 900),
  row("/store/locales", 900),
  ...rows("/store/return-reasons", 900, 900),
  row("/store/payment-providers", 900),
]

/** What the options say of a route: beside the table or over it. */
export interface RouteOptions {
  matcher: string
  /** Milliseconds. `false`: this route is never cached. */
  ttl?: number | false | undefined
  /** `false`: no CDN shall keep it. */
  cdn?: CdnTimes | false | undefined
  ask?: "before" | "after" | undefined
  headers?: readonly string[] | undefined
}

export function policiesOf(routes: readonly RouteOptions[] = []): Policy[] {
  const policies = new Map(defaultPolicies.map((policy) => [policy.matcher, policy]))
  for (const { matcher, ttl, cdn, ask, headers } of routes) {
    if (ttl === false) {
      policies.delete(matcher)
      continue
    }
    const before = policies.get(matcher) ?? row(matcher, 60)
    policies.set(matcher, {
      ...before,
      ttl: ttl ?? before.ttl,
      cdn: cdn === false ? undefined : (cdn ?? before.cdn),
      ask: ask ?? before.ask,
      headers: headers?.map((name) => name.toLowerCase()) ?? before.headers,
    })
  }
  return [...policies.values()]
}

/** Finds the policy of a path; the one without parameters goes first. */
export function matcherOf(policies: readonly Policy[]): (path: string) => Policy | undefined {
  const exact = new Map(
    policies.filter(({ matcher }) => !matcher.includes(":")).map((one) => [one.matcher, one]),
  )
  const patterns = policies
    .filter(({ matcher }) => matcher.includes(":"))
    .map((policy) => ({ policy, pattern: patternOf(policy.matcher) }))
  return (path) => exact.get(path) ?? patterns.find(({ pattern }) => pattern.test(path))?.policy
}

const patternOf = (matcher: string) =>
  new RegExp(`^${matcher.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:\w+/g, "[^/]+")}$`)
