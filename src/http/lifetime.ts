/**
 * What an answer says of itself to shared caches: whether they may keep it, and how long. Medusa's say nothing; where a route of
 * the store does, it is kept no longer than it says.
 */

/** @returns milliseconds; undefined when it says nothing; 0 when it must not be kept, or what it says has no sense */
export function ownLife(headers: ReadonlyMap<string, readonly string[]>, now: number): number | undefined {
  const says = directivesOf(headers.get("cache-control"))
  // RFC 9111 §5.2.2.5, §5.2.2.7, §5.2.2.4: the last would be kept and asked for every time, which is not to keep it.
  if (["no-store", "private", "no-cache"].some((name) => says.has(name))) return 0
  // RFC 9111 §4.2.1, in its order.
  const seconds = says.get("s-maxage") ?? says.get("max-age")
  const life = seconds === undefined ? lifeByExpires(headers, now) : secondsOf(seconds)
  return life === undefined ? undefined : Math.max(0, life - ageOf(headers))
}

/** How old the answer was when it was rendered: RFC 9111 §5.1, the first of a list. Milliseconds. */
export function ageOf(headers: ReadonlyMap<string, readonly string[]>): number {
  return secondsOf(headers.get("age")?.join().split(",", 1)[0] ?? "0")
}

/** Directives by their names in lower case, the first of a name; RFC 9111 §5.2, with quoted values. */
export function directivesOf(values: readonly string[] = []): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name, quoted, plain] of values.join().matchAll(directive)) {
    const key = name!.toLowerCase()
    if (!found.has(key)) found.set(key, quoted ?? plain ?? "")
  }
  return found
}

const directive = /([^\s,="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,"]*)))?/g

/** RFC 9111 §5.3: what is no date has expired. */
function lifeByExpires(headers: ReadonlyMap<string, readonly string[]>, now: number): number | undefined {
  const [expires] = headers.get("expires") ?? []
  if (expires === undefined) return undefined
  const said = Date.parse(headers.get("date")?.[0] ?? "")
  const life = Date.parse(expires) - (Number.isNaN(said) ? now : said)
  return Number.isNaN(life) ? 0 : life
}

/** RFC 9111 §1.2.2: digits. @returns milliseconds, 0 for anything else */
const secondsOf = (text: string) => (/^\s*\d+\s*$/.test(text) ? Math.min(Number(text), longest) * 1_000 : 0)
/** As many seconds as the RFC asks caches to understand: 2^31. */
const longest = 2_147_483_648
