/**
 * Constants for a statement that was counted without them: for each parameter a value that the column it is compared
 * with really has, from the planner's statistics. They go into EXPLAIN and nowhere else.
 */
import { loadModule, parseSync } from "libpg-query"
import type { Client } from "pg"
import { quoted } from "../fixes"

export const ready = loadModule

/** A node of a syntax tree: an object with one key, its kind. */
type Tree = { [key: string]: unknown }
interface Comparison {
  column: string
  /** The alias or the table; absent where only one can be meant. */
  of: string | undefined
  isLike: boolean
}

/** How many a page has. */
const page = 20

/** The values of a column, as text, most of all different ones. */
export type ValuesOf = (table: string, column: string) => Promise<string[]>

/** @returns undefined when a parameter's meaning is not found */
export async function withConstants(text: string, valuesOf: ValuesOf): Promise<string | undefined> {
  const { comparisons, limits, offsets, tables, largest } = readStatement(text)
  const replacements = new Map<number, string>()
  let sought: string | undefined
  for (let number = 1; number <= largest; number++) {
    if (limits.has(number)) replacements.set(number, String(page))
    else if (offsets.has(number)) replacements.set(number, "0")
    else {
      const comparison = comparisons.get(number)
      const table = comparison && (comparison.of ? tables.get(comparison.of) : [...tables.values()][0])
      if (!table) return undefined
      const values = await valuesOf(table, comparison!.column)
      const value = values[number % Math.max(1, values.length)]
      if (comparison!.isLike) {
        // One text is sought in all columns.
        sought ??= wordAmong(values)
        replacements.set(number, literal(`%${sought ?? "pegasus"}%`))
      } else if (text.includes(`$${number} /*, ... */`)) {
        replacements.set(number, values.slice(0, page).map(literal).join(", ") || "null")
      } else {
        replacements.set(number, value === undefined ? "null" : literal(value))
      }
    }
  }
  return text
    .replace(/ \/\*, \.\.\. \*\//g, "")
    .replace(/\$(\d+)/g, (_, number) => replacements.get(Number(number)) ?? "null")
}

/** What a person would type: a word that tells things apart, not a number, nor a part of an address. */
function wordAmong(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const value of values.filter((value) => !value.includes("@"))) {
    for (const [word] of value.matchAll(/[\p{L}\p{N}]{4,}/gu)) {
      if (/\p{L}/u.test(word)) counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  return [...counts].sort(([, a], [, b]) => a - b)[0]?.[0]
}

const literal = (value: string) => `'${value.replaceAll("'", "''")}'`

function readStatement(text: string) {
  const comparisons = new Map<number, Comparison>()
  const limits = new Set<number>()
  const offsets = new Set<number>()
  const tables = new Map<string, string>()
  let largest = 0
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const inner of node) visit(inner)
    if (Array.isArray(node) || typeof node !== "object" || node === null) return
    const tree = node as Tree
    const range = tree.RangeVar as { relname: string; alias?: { aliasname: string } } | undefined
    if (range) tables.set(range.alias?.aliasname ?? range.relname, range.relname)
    const parameter = tree.ParamRef as { number?: number } | undefined
    if (parameter?.number) largest = Math.max(largest, parameter.number)
    const select = tree.SelectStmt as { limitCount?: unknown; limitOffset?: unknown } | undefined
    for (const number of parametersIn(select?.limitCount)) limits.add(number)
    for (const number of parametersIn(select?.limitOffset)) offsets.add(number)
    const expression = tree.A_Expr as { lexpr?: unknown; rexpr?: unknown; kind: string } | undefined
    if (expression) compare(expression)
    for (const value of Object.values(tree)) visit(value)
  }
  const compare = ({ lexpr, rexpr, kind }: { lexpr?: unknown; rexpr?: unknown; kind: string }) => {
    const [column] = columnsIn(lexpr)
    if (!column) return
    for (const number of parametersIn(rexpr)) {
      comparisons.set(number, { ...column, isLike: kind === "AEXPR_LIKE" || kind === "AEXPR_ILIKE" })
    }
  }
  visit(parseSync(text))
  return { comparisons, limits, offsets, tables, largest }
}

function parametersIn(node: unknown): number[] {
  if (Array.isArray(node)) return node.flatMap(parametersIn)
  if (typeof node !== "object" || node === null) return []
  const { ParamRef } = node as { ParamRef?: { number?: number } }
  if (ParamRef) return ParamRef.number ? [ParamRef.number] : []
  return Object.values(node).flatMap(parametersIn)
}

/** The columns named in an expression, not those inside a select of its own. */
export function columnsIn(node: unknown): { column: string; of: string | undefined }[] {
  if (Array.isArray(node)) return node.flatMap(columnsIn)
  if (typeof node !== "object" || node === null || "SubLink" in node) return []
  const { ColumnRef } = node as { ColumnRef?: { fields: Tree[] } }
  if (ColumnRef) {
    const names = ColumnRef.fields.map((field) => (field.String as { sval: string } | undefined)?.sval)
    const column = names.at(-1)
    return column === undefined ? [] : [{ column, of: names.at(-2) }]
  }
  return Object.values(node).flatMap(columnsIn)
}

const fromStatistics = `
  select coalesce(most_common_vals::text::text[], '{}') as common, coalesce(histogram_bounds::text::text[], '{}') as spread
  from pg_stats where schemaname = current_schema() and tablename = $1 and attname = $2 limit 1`

/** By the statistics, or by a few rows where there are none. Remembers. */
export function valuesBy(client: Client): ValuesOf {
  const known = new Map<string, Promise<string[]>>()
  const find = async (table: string, column: string) => {
    const { rows } = await client.query<{ common: string[]; spread: string[] }>(fromStatistics, [
      table,
      column,
    ])
    const { common = [], spread = [] } = rows[0] ?? {}
    const middle = [...spread.slice(spread.length / 2), ...spread.slice(0, spread.length / 2)]
    if (middle.length + common.length > 0) return [...middle, ...common]
    const some = await client.query<{ value: string }>(
      `/* pegasus doctor */ select ${quoted(column)}::text as value from ${quoted(table)} where ${quoted(column)} is not null limit ${page}`,
    )
    return some.rows.map(({ value }) => value)
  }
  return (table, column) => {
    const name = `${table}.${column}`
    if (!known.has(name)) known.set(name, find(table, column))
    return known.get(name)!
  }
}
