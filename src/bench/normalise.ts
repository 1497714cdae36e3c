/**
 * Two stores with the same products must give the same answer. What may differ is left out: ids, times,
 * and the order of nested lists, which SQL does not promise.
 */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const volatile = /(^id|_ids?|_at)$/

export function normalise(value: unknown): Json {
  return withoutVolatile(value as Json, true)
}

function withoutVolatile(value: Json, outermost: boolean): Json {
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutVolatile(item, false))
    return outermost ? items : sorted(items)
  }
  if (value === null || typeof value !== "object") return value
  const kept = Object.entries(value).filter(([key]) => !volatile.test(key))
  kept.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutVolatile(child, outermost)]))
}

function sorted(items: Json[]): Json[] {
  const keyed = items.map((item) => ({ item, key: nameOf(item) + JSON.stringify(item) }))
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ item }) => item)
}

/** What tells the items of one list apart, so that one that changed keeps its place. */
function nameOf(item: Json): string {
  if (!isBranch(item) || Array.isArray(item)) return ""
  const name = item.sku ?? item.handle ?? item.name ?? item.title ?? item.value
  return typeof name === "string" ? name : ""
}

/** @returns where two normalised answers first differ, or undefined when they are equal */
export function firstDifference(expected: Json, actual: Json, path = "answer"): string | undefined {
  if (Object.is(expected, actual)) return undefined
  if (!isBranch(expected) || !isBranch(actual) || Array.isArray(expected) !== Array.isArray(actual)) {
    return `${path} is ${short(actual)}, not ${short(expected)}`
  }
  const [left, right] = [new Map(Object.entries(expected)), new Map(Object.entries(actual))]
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const at = Array.isArray(expected) ? `${path}[${key}]` : `${path}.${key}`
    if (!right.has(key)) return `${at} is missing`
    if (!left.has(key)) return `${at} is extra`
    const difference = firstDifference(left.get(key)!, right.get(key)!, at)
    if (difference) return difference
  }
  return undefined
}

function isBranch(value: Json): value is Json[] | { [key: string]: Json } {
  return value !== null && typeof value === "object"
}

function short(value: Json): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
