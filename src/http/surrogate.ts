/**
 * An answer's tags for a CDN, so that a change can purge it. Each is short and says nothing of the store. Where they do not
 * fit, the rows of a table give way to the table: any change of a row moves it too.
 */

/** The header, and how much of it the CDN takes (bytes, and tags if they are counted). */
export interface SurrogateHeader {
  name: string
  bytes: number
  tags?: number | undefined
  separator: string
}

/** Limits as the vendors publish them, with room for what stands before. */
export const surrogateHeaders = {
  "surrogate-key": { name: "Surrogate-Key", bytes: 15_000, separator: " " },
  "cache-tag": { name: "Cache-Tag", bytes: 15_000, separator: "," },
  "edge-cache-tag": { name: "Edge-Cache-Tag", bytes: 15_000, tags: 120, separator: "," },
  "cdn-tag": { name: "CDN-Tag", bytes: 1_000, separator: "," },
} satisfies Readonly<Record<string, SurrogateHeader>>

/** @returns the value of the header; undefined when it does not fit even by tables */
export function surrogateKeys(
  tags: readonly string[],
  nameOf: (tag: string) => string,
  { bytes, tags: most = Number.POSITIVE_INFINITY, separator }: SurrogateHeader,
): string | undefined {
  let names = distinct(tags.map(nameOf))
  const fits = () => names.length <= most && names.join(separator).length <= bytes
  if (!fits()) names = distinct(tags.map((tag) => nameOf(tableOf(tag))))
  return fits() ? names.join(separator) : undefined
}

/** `db:product.id=…`, `db:product+` and `db:product!` are all moved together with `db:product`. */
const tableOf = (tag: string) => tag.replace(/^(db:\w+)[.+!].*$/s, "$1")

const distinct = (names: string[]) => [...new Set(names)]
