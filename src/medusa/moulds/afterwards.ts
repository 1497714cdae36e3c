/**
 * What a module asks MikroORM for after what it was asked for, and hangs on it: the adjustments of an order's items are asked for by the item and its version
 * (order/dist/utils/base-repository-find.js:261, 2.21.2).
 */
import type { EntityMetadata } from "@medusajs/framework/mikro-orm/core"
import { isPlainObject } from "../../engine"
import type { Row } from "./fields"
import { isSamePath, isToMany, type Path, type Rows } from "./rows"

/** A list in a question that has an object for each row of a place. */
export interface Pairs {
  path: Path
  /** Of such an object and the row, the names of what is the same. */
  columns: readonly (readonly [name: string, column: string])[]
}

export const pairsOf = ({ path, columns }: Pairs, rows: Rows): Row[] =>
  rows.at(path).map((row) => Object.fromEntries(columns.map(([name, column]) => [name, row[column]])))

/** The first list of such objects in a question. */
export function pairsIn(where: unknown, rows: Rows): Pairs | undefined {
  if (Array.isArray(where) && where.length > 0 && where.every(isPlainObject)) {
    for (const path of rows.paths) {
      const found = rows.at(path)
      const columns = found.length === where.length ? columnsIn(where as Row[], found) : undefined
      if (columns) return { path, columns }
    }
  }
  if (typeof where !== "object" || where === null) return undefined
  for (const inner of Object.values(where)) {
    const pairs = pairsIn(inner, rows)
    if (pairs) return pairs
  }
  return undefined
}

function columnsIn(objects: readonly Row[], rows: readonly Row[]): Pairs["columns"] | undefined {
  const columns = Object.keys(objects[0]!).map((name) => {
    const isColumn = (column: string) => objects.every((object, i) => object[name] === rows[i]![column])
    const column = [name, ...Object.keys(rows[0]!)].find(isColumn)
    return column === undefined ? undefined : ([name, column] as const)
  })
  const isOfAll = objects.every((object) => Object.keys(object).length === columns.length)
  return isOfAll && columns.every((column) => column !== undefined) ? columns : undefined
}

/** The one place in an answer where objects of a class are, and that nothing was found for. */
export function placeOf(meta: EntityMetadata, rows: Rows, answer: readonly unknown[]): Path | undefined {
  const places = rows.paths.flatMap((path) =>
    rows
      .metaAt(path)
      .relations.filter((relation) => isToMany(relation) && relation.targetMeta === meta)
      .map(({ name }) => [...path, name])
      .filter((place) => !rows.paths.some((other) => isSamePath(other, place)))
      .filter((place) => isIn(answer, place)),
  )
  return places.length === 1 ? places[0] : undefined
}

function isIn(objects: readonly unknown[], [name, ...rest]: Path): boolean {
  const inner = objects.map((object) => (object as Row | null)?.[name!]).filter((value) => value != null)
  return inner.length > 0 && (rest.length === 0 || isIn(inner.flat(), rest))
}
