/**
 * From what a statement read to the tags of an entry, and from a change to the tags that move: the two sides of
 * one agreement. `T` is a table, `c` a column.
 *
 * | tag | moved by | carried by an entry that read |
 * |---|---|---|
 * | `db:T!` | a change too large to be told, or of unknown extent | anything of T |
 * | `db:T` | any change | T in a way that cannot be narrowed |
 * | `db:T+` | rows that come and go | T by a condition: another row might have met it |
 * | `db:T.c` | updates that change c | T by a condition on c, or ordered by c |
 * | `db:T.c=…` | any change of a row that has, or had, the value in c | rows of T by that value, or that row |
 *
 * A lookup by key (`id in (…)`, `product_id in (…)`) depends on the rows with those values, be they there yet or
 * not. Anything else depends on rows that come and go, on the columns that its conditions name, and on the rows
 * it gave back. A row that a foreign key leads to cannot come later than the row that names it.
 */
import type { Source, Statement } from "./statement"

export interface Table {
  /** Columns whose values a change tells. */
  keys: ReadonlySet<string>
  /** The one column of the primary key, if it is one. */
  primary: string | undefined
  /** Whether its rows begin and end to count by the clock. */
  isDated: boolean
}

/** What is known of the database. */
export interface Catalog {
  /** False until it has been read. */
  isKnown: boolean
  /** Where the tables are. */
  schema: string
  /** Whether it is a table of the schema: a view, say, is none. */
  isTable(name: string): boolean
  /** Tables whose changes are told. */
  tables: ReadonlyMap<string, Table>
  /** Whether a foreign key leads from one column to the other. */
  leads(from: { table: string; column: string }, to: { table: string; column: string }): boolean
  /** Whether a change of the table may change others, by a trigger of the store's own. */
  spreads(table: string): boolean
  /** Whether a function is PostgreSQL's own and gives the same for the same. */
  isHarmless(functionName: string): boolean
}

export interface Read {
  tags: Set<string>
  /** Tables that were read and whose changes nobody tells. */
  untold: Set<string>
  /** Tables that were read and in which time counts as a change. */
  dated: Set<string>
  /** Why what was read must not be kept. */
  opaque: string | undefined
}

export interface Change {
  table: string
  /** `many`: too much to be told. */
  kind: "insert" | "update" | "delete" | "many"
  /** Columns that an update changed; undefined when not known. */
  columns?: readonly string[] | undefined
  /** Values of the key columns, before and after. */
  keys?: Readonly<Record<string, readonly unknown[]>> | undefined
}

/** A lookup by at most so many values always depends on those; by more, only if about as many rows were found. */
const fewValues = 50

const extentTag = (table: string) => `db:${table}!`
const tableTag = (table: string) => `db:${table}`
const rowsTag = (table: string) => `db:${table}+`
const columnTag = (table: string, column: string) => `db:${table}.${column}`
const valueTag = (table: string, column: string, value: unknown) =>
  `db:${table}.${column}=${hash(String(value))}`

/** What moves when all of this changes. */
export const tagsOfChanges = (changes: readonly Change[]): string[] => [
  ...new Set(changes.flatMap(tagsOfChange)),
]

export function tagsOfChange({ table, kind, columns, keys = {} }: Change): string[] {
  const tags = [tableTag(table)]
  if (kind === "many") return [...tags, extentTag(table)]
  if (kind === "update") {
    if (!columns) return [...tags, extentTag(table)]
    for (const column of columns) tags.push(columnTag(table, column))
  } else tags.push(rowsTag(table))
  for (const [column, values] of Object.entries(keys)) {
    // Nothing is ever looked up by null.
    for (const value of values) if (value !== null) tags.push(valueTag(table, column, value))
  }
  return tags
}

/** A short name of a tag, which says nothing of the store. */
export const nameOfTag = (tag: string) => hash(tag)

/**
 * Adds to `read` what a statement read.
 * @param rows of its result, if they are rows by name
 * @returns the columns of the result by whose values the rows were looked up
 */
export function noteRead(
  read: Read,
  statement: Statement,
  values: readonly (readonly unknown[])[],
  rows: readonly Record<string, unknown>[] | undefined,
  catalog: Catalog,
): string[] {
  const by: string[] = []
  if (statement.kind === "none") return by
  if (!catalog.isKnown) read.opaque ??= "who tells of changes is not known yet"
  if (values.some((given) => given.some(isMoment))) read.opaque ??= "it asks for the time"
  if (statement.kind === "opaque") read.opaque ??= statement.reason
  else if (statement.kind === "write") read.opaque ??= `it writes to ${statement.tables.join(", ")}`
  else {
    let isDated = false
    for (const source of statement.sources) {
      const table = catalog.tables.get(source.table)
      if (!catalog.isTable(source.table) || (source.schema ?? catalog.schema) !== catalog.schema) {
        read.opaque ??= `${source.table} is no table of the store`
      }
      if (!table) {
        read.untold.add(source.table)
        continue
      }
      if (table.isDated) {
        isDated = true
        read.dated.add(source.table)
      }
      read.tags.add(extentTag(source.table))
      const key = narrowest(source, table, values, rows)
      if (key) {
        for (const value of key.values) read.tags.add(valueTag(source.table, key.column, value))
        const shown = source.isTop ? source.shownAs(key.column) : undefined
        if (shown !== undefined) by.push(shown)
      } else noteCondition(read.tags, source, table, rows, catalog)
    }
    if (statement.usesNow && !isDated) read.opaque ??= "it asks for the time"
  }
  return by
}

/** The key with the fewest values, if it narrows the source enough. */
function narrowest(
  { keys, isTop, isCut }: Source,
  table: Table,
  values: readonly (readonly unknown[])[],
  rows: readonly unknown[] | undefined,
) {
  const most = isTop && !isCut && rows ? fewValues + 2 * rows.length : fewValues
  let best: { column: string; values: readonly unknown[] } | undefined
  for (const { column, parameter, isArray } of keys) {
    const given = plain(values[parameter - 1], isArray)
    if (!given || !table.keys.has(column)) continue
    if (given.length <= (best?.values.length ?? most)) best = { column, values: given }
  }
  return best
}

function noteCondition(
  tags: Set<string>,
  source: Source,
  { primary }: Table,
  rows: readonly Record<string, unknown>[] | undefined,
  catalog: Catalog,
): void {
  const { table, used, selected, star, whole, lookups, isTop } = source
  const isLedTo = lookups.some(({ column, by }) => catalog.leads(by, { table, column }))
  if (!isLedTo) tags.add(rowsTag(table))
  for (const column of used) tags.add(columnTag(table, column))
  if (whole) tags.add(tableTag(table))
  // Nothing is shown that does not decide whether it is: what comes and goes and these columns say it all.
  const isBare = !star && !isLedTo && [...selected].every((column) => column === primary || used.has(column))
  const shown = isTop && !isBare && rows && primary !== undefined ? source.shownAs(primary) : undefined
  if (shown !== undefined) {
    for (const row of rows!) {
      const value = row[shown]
      if (value !== null && value !== undefined) tags.add(valueTag(table, primary!, value))
    }
  } else if (star) tags.add(tableTag(table))
  else for (const column of selected) tags.add(columnTag(table, column))
}

/** The values a parameter stands for; undefined when they are not plain keys. */
function plain(values: readonly unknown[] | undefined, isArray: boolean): readonly unknown[] | undefined {
  const all = isArray && values?.every(Array.isArray) ? values.flat() : isArray ? undefined : values
  return all?.every((value) => typeof value === "string" || typeof value === "number") ? all : undefined
}

/** A text that PostgreSQL may take for the time. */
const isMoment = (value: unknown) =>
  typeof value === "string" && /^\s*(now|today|tomorrow|yesterday)\s*$/i.test(value)

/** 53 bits of a text: two texts with the same hash invalidate each other, which costs a load and no more. */
export function hash(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2_654_435_761)
    low = Math.imul(low ^ code, 1_597_334_677)
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909)
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909)
  return (4_294_967_296 * (0x1fffff & low) + (high >>> 0)).toString(36)
}
