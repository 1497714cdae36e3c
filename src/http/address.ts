/**
 * One name for all ways to ask for the same: parameters in the order of their names, values in one spelling, the fields
 * in theirs, and no defaults. Names that share a root (`id`, `id[]`) keep their order, because what they mean together
 * may depend on it.
 */

/** A longer URL is not cached: whoever invents them shall not fill the memory with names. */
const longestUrl = 2_048
/** More parameters than these are not cached: qs, by which Medusa reads them, stops counting at 1,000. */
const mostParameters = 100

export interface Address {
  path: string
  /** Canonical, without the question mark. */
  query: string
}

/** @returns undefined when the URL is of no form that is understood */
export function addressOf(url: string, defaults: Readonly<Record<string, string>> = {}): Address | undefined {
  if (url.length > longestUrl) return undefined
  const at = url.indexOf("?")
  if (at < 0) return { path: url, query: "" }
  try {
    const parts = url.slice(at + 1).split("&")
    if (parts.length > mostParameters || parts.some(isAmbiguous)) return undefined
    const all = parts.filter((part) => part !== "").map(pairOf)
    const roots = all.map(([name]) => rootOf(name))
    const isOnce = (name: string) => roots.indexOf(name) === roots.lastIndexOf(name)
    const isDefault = ([name, value]: Pair) =>
      Object.hasOwn(defaults, name) && defaults[name] === value && isOnce(name)
    const pairs = all
      .filter((pair) => !isDefault(pair))
      .map(
        ([name, value]): Pair => [name, name === "fields" && isOnce(name) ? canonicalFields(value) : value],
      )
      .sort(([one], [other]) => compare(rootOf(one), rootOf(other)))
    return { path: url.slice(0, at), query: pairs.map(textOf).join("&") }
  } catch {
    return undefined
  }
}

type Pair = [name: string, value: string]

/** qs ends a name at `]=`, wherever the first `=` is. */
const isAmbiguous = (part: string) => {
  const plain = part.replace(/%5B/gi, "[").replace(/%5D/gi, "]")
  const bracket = plain.indexOf("]=")
  return bracket >= 0 && bracket + 1 !== plain.indexOf("=")
}

function pairOf(pair: string): Pair {
  const at = pair.indexOf("=")
  const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)]
  return [decoded(name), decoded(value)]
}

/** `+a,-b,*c`: their order matters only where one name comes twice. */
function canonicalFields(fields: string): string {
  // What is taken away, is taken from what was added before.
  if (/(^|,)[ ]*-/.test(fields)) return fields
  const all = fields.split(",").filter((field) => field !== "")
  const names = all.map((field) => field.replace(/^[ +\-*]/, ""))
  return new Set(names).size === names.length ? all.sort(compare).join() : fields
}

const decoded = (text: string) => decodeURIComponent(text.replaceAll("+", " "))
const textOf = ([name, value]: Pair) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`
/** Medusa takes `a.b` for `a[b]`. */
const rootOf = (name: string) => name.split(/[.[]/, 1)[0]!
const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
