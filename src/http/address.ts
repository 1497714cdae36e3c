/**
 * One name for all ways to ask for the same: parameters in the order of their names, values in one spelling, the fields
 * in theirs, and no defaults. Names that share a root (`id`, `id[]`) keep their order, because what they mean together
 * may depend on it.
 */

/** A longer URL is not cached: whoever invents them shall not fill the memory with names. */
const longestUrl = 4_096

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
    const pairs = url
      .slice(at + 1)
      .split("&")
      .filter((pair) => pair !== "")
      .map(pairOf)
      .filter(([name, value]) => !(Object.hasOwn(defaults, name) && defaults[name] === value))
      .sort(([one], [other]) => compare(rootOf(one), rootOf(other)))
    return { path: url.slice(0, at), query: pairs.map(textOf).join("&") }
  } catch {
    return undefined
  }
}

function pairOf(pair: string): [name: string, value: string] {
  const at = pair.indexOf("=")
  const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)]
  const plain = decoded(value)
  return [decoded(name), decoded(name) === "fields" ? canonicalFields(plain) : plain]
}

/** `+a,-b,*c`: their order matters only where one name comes twice. */
function canonicalFields(fields: string): string {
  const all = fields.split(",").filter((field) => field !== "")
  const names = all.map((field) => field.replace(/^[ +\-*]/, ""))
  return new Set(names).size === names.length ? all.sort(compare).join() : fields
}

const decoded = (text: string) => decodeURIComponent(text.replaceAll("+", " "))
const textOf = ([name, value]: [string, string]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`
const rootOf = (name: string) => name.split("[", 1)[0]!
const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
