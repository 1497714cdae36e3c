/**
 * Selects of the same rows that differ in their columns alone, as MikroORM writes them: a cart is loaded with other fields each time. What gave more columns
 * holds what fewer would give.
 */

import type { Response } from "./answers"
import type { Shape } from "./course"

/** What a select shows of its rows. */
export interface Selection {
  columns: readonly Column[]
  /** Where the text begins that says which rows they are. */
  end: number
  /** Where in it are joins that only add columns; undefined when there are none. */
  joins: { begin: number; end: number } | undefined
}

type Shown = Pick<Selection, "columns">

interface Column {
  /** As it is written in front of it. */
  table: string
  /** Undefined: all of the table. */
  column: string | undefined
  /** Under which it is given. */
  name: string
}

const item = String.raw`"(\w+)"\.(?:(\*)|"?(\w+)"?(?: as "([^"]+)")?)`
const any = item.replaceAll(/\((?!\?)/g, "(?:")
const list = new RegExp(`^select ${any}(?:, ${any})*(?= from )`)
const items = new RegExp(item, "g")

/** What may mean other rows with other columns: `order by 1`, or the name of a column. */
const ofColumns =
  /\b(?:union|intersect|except|group\s+by|having|window)\b|\border\s+by\b(?!\s+"\w+"\."?\w+"?(?: asc| desc)?(?:, "\w+"\."?\w+"?(?: asc| desc)?)*(?:$|\s+limit\b|\s+offset\b))/i

/** To what a column refers to, by its id: each row has one of it or none. */
const joins =
  /^ from "\w+" as "(\w+)"((?: left join "\w+" as "(\w+)" on "\w+"\."\w+" = "\3"\."id"(?: and "\3"\."deleted_at" is null)?)+) where /
const alias = /\bas "(\w+)"/g
const cut = /\b(?:limit|offset)\b/i

const known = new WeakMap<Shape, Selection | null>()

/** @returns undefined when it is not written as expected, which is the same for all statements of a shape */
export function selectionOf(shape: Shape, sql: string): Selection | undefined {
  let selection = known.get(shape)
  if (selection === undefined) {
    const found = list.exec(sql)?.[0]
    const isSame = found !== undefined && !ofColumns.test(sql.slice(found.length))
    selection = isSame ? partsOf(found, sql) : null
    known.set(shape, selection)
  }
  return selection ?? undefined
}

const columnsOf = (text: string): Column[] =>
  [...text.matchAll(items)].map(([, table, all, column, name]) => ({
    table: table!,
    column,
    name: all ?? name ?? column!,
  }))

/** @param list with which the statement begins */
function partsOf(list: string, sql: string): Selection {
  const [columns, end] = [columnsOf(list), list.length]
  return { columns, end, joins: joinsOf(columns, end, sql) }
}

function joinsOf(columns: readonly Column[], from: number, sql: string): Selection["joins"] {
  const [, table, joined] = joins.exec(sql.slice(from)) ?? []
  if (!table || !joined || !holds({ columns }, { columns: [{ table, column: "id", name: "id" }] })) return
  const begin = sql.indexOf(joined, from)
  const end = begin + joined.length
  const rest = sql.slice(end)
  const isNamed = [...joined.matchAll(alias)].some(([, name]) => rest.includes(`"${name}"`))
  return isNamed || cut.test(rest) ? undefined : { begin, end }
}

/** The texts that say which rows are shown: its own first, then without joins that only add columns. */
export type Rows = readonly [own: string, ...others: string[]]

export function rowsOf({ end, joins }: Selection, sql: string): Rows {
  const own = sql.slice(end)
  return joins ? [own, sql.slice(end, joins.begin) + sql.slice(joins.end)] : [own]
}

/** Whether no row was given twice, as when a join found more than one. */
export const areSingle = ({ rows }: Response) => new Set(rows.map(({ id }) => id)).size === rows.length

/** Whether what the one gives is in what the other gives of the same rows. */
export function holds({ columns: more }: Shown, { columns: fewer }: Shown): boolean {
  const whole = more.filter(({ column }) => column === undefined)
  // What comes after hides what has the same name.
  if (whole.length > 1 || (whole[0] && whole[0] !== more[0])) return false
  return fewer.every(({ table, column, name }) => {
    const sameName = more.filter((other) => other.name === name)
    const isSame = sameName.every((other) => other.table === table && other.column === column)
    const isShown = sameName.length > 0 || (whole[0]?.table === table && name === column)
    return column !== undefined && isSame && isShown
  })
}

/** What fewer columns would give; undefined when one is missing. */
export function narrowed<Given extends Response>(response: Given, { columns }: Selection): Given | undefined {
  const byName = new Map(response.fields.map((field) => [field.name, field]))
  const names = columns.map(({ name }) => name)
  const fields = names.map((name) => byName.get(name))
  if (fields.includes(undefined)) return undefined
  const rows = response.rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]])))
  return otherwise(response, { fields, rows })
}

/** As it is but for this; the response itself stays as it is. */
export const otherwise = <Given extends Response>(response: Given, other: object): Given =>
  Object.assign(Object.create(Object.getPrototypeOf(response)), response, other)
