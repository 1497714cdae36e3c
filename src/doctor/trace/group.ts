/** What one request asked, grouped by shape and by the line of the store's own source that asked it. */
import { withoutConstants } from "../workload"

export interface Asked {
  text: string
  stack: string
  /** Milliseconds. */
  duration: number
}

export interface Site {
  /** Of the store's source, such as `src/api/store/brands/route.ts:11`; undefined for Medusa's own. */
  place: string | undefined
  shapes: Shape[]
}

export interface Shape {
  /** Without constants; lists shortened. */
  text: string
  calls: number
  /** Milliseconds, of all calls. */
  duration: number
}

/** As often as this, from one line and in one shape, is a loop. */
export const leastRounds = 3

/** @param ownPlace what a file of the store's own is called; undefined for a package's */
export function groupBySite(asked: readonly Asked[], ownPlace: (file: string) => string | undefined): Site[] {
  const sites = new Map<string | undefined, Map<string, Shape>>()
  for (const { text, stack, duration } of asked) {
    const place = placeIn(stack, ownPlace)
    if (!sites.has(place)) sites.set(place, new Map())
    const shapes = sites.get(place)!
    const shape = shapeOf(text)
    const known = shapes.get(shape) ?? { text: shape, calls: 0, duration: 0 }
    shapes.set(shape, { text: shape, calls: known.calls + 1, duration: known.duration + duration })
  }
  return [...sites].map(([place, shapes]) => ({ place, shapes: [...shapes.values()] }))
}

/** The line of the store that is nearest to the database. */
function placeIn(stack: string, ownPlace: (file: string) => string | undefined): string | undefined {
  for (const [, file, line] of stack.matchAll(/\(?((?:file:\/\/)?\/[^():]+):(\d+):\d+\)?/g)) {
    const own = ownPlace(file!.replace(/^file:\/\//, ""))
    if (own !== undefined) return `${own}:${line}`
  }
  return undefined
}

/** As `shape`: MikroORM writes constants into the text, and lists of any length. */
export function shapeOf(text: string): string {
  return withoutConstants(text.replace(/\s+/g, " ").trim())
    .replace(/\$\d+/g, "?")
    .replace(/'\?'/g, "?")
    .replace(/\((\?)(, \?)+\)/g, "(…)")
    .replace(/\(\?\)/g, "(…)")
}

/** Lines that ask again and again what could be asked once. */
export const loopsIn = (sites: readonly Site[]): Site[] =>
  sites
    .filter(({ place }) => place !== undefined)
    .map(({ place, shapes }) => ({ place, shapes: shapes.filter(({ calls }) => calls >= leastRounds) }))
    .filter(({ shapes }) => shapes.length > 0)

/** One `query.graph` in place of the loop. */
export function insteadOf({ shapes }: Site): string {
  const [first, ...rest] = shapes
    .map(({ text }) => /\bfrom "?(\w+)"?/.exec(text)?.[1])
    .filter((table) => table !== undefined)
  const column =
    /"?(\w+)"? (?:=|in) \(?[?(…]/.exec(shapes[0]!.text.slice(shapes[0]!.text.indexOf(" where ")))?.[1] ?? "id"
  const relations = [...new Set(rest)].filter((table) => table !== first)
  const fields = ['"*"', ...relations.map((table) => `"${table!.replace(new RegExp(`^${first}_`), "")}s.*"`)]
  return `const { data } = await query.graph({ entity: "${first ?? "…"}", fields: [${fields.join(", ")}], filters: { ${column}: all of them } })`
}
