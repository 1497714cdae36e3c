/**
 * Which indexes might help a statement, read off its plan: PostgreSQL has resolved the names there, moved each
 * condition to the table it is about, and says where it sorts and joins.
 */
import { parseSync } from "libpg-query"
import { type IndexShape, quoted, searchName } from "../fixes"
import type { PlanNode } from "../plan"
import { columnsIn } from "./constants"

export interface TableFacts {
  rows: number
  /** Type of each column. */
  types: ReadonlyMap<string, string>
}

/** What is asked of one table in one place of a plan. */
interface Wanted {
  table: string
  equal: string[]
  range: string[]
  joined: string[]
  /** With the direction. */
  sorted: string[]
  /** Sets of expressions that are searched for a piece of text, each set joined by or. */
  searched: string[]
  isSoft: boolean
}

/** Smaller tables are read through faster than by an index. */
export const fewRows = 5_000
const mostColumns = 3

export function candidatesOf(plan: PlanNode, tables: ReadonlyMap<string, TableFacts>): IndexShape[] {
  const found = new Map<string, IndexShape>()
  for (const wanted of wantsOf(plan, tables)) {
    for (const shape of shapesFor(wanted)) found.set(shape.name, shape)
  }
  return [...found.values()]
}

function* wantsOf(plan: PlanNode, tables: ReadonlyMap<string, TableFacts>): Generator<Wanted> {
  const joins: string[] = []
  const collect = (node: PlanNode) => {
    for (const name of ["Hash Cond", "Merge Cond", "Join Filter"] as const)
      if (node[name]) joins.push(node[name])
    node.Plans?.forEach(collect)
  }
  collect(plan)
  yield* walk(plan, [])

  function* walk(node: PlanNode, sortKeys: string[]): Generator<Wanted> {
    const { "Relation Name": table, Alias: alias } = node
    const facts = table === undefined ? undefined : tables.get(table)
    if (table && alias && facts && facts.rows >= fewRows) {
      const terms = [node.Filter, node["Index Cond"], node["Recheck Cond"]].flatMap((text) => termsOf(text))
      const wanted: Wanted = {
        table,
        equal: [],
        range: [],
        joined: [],
        sorted: [],
        searched: [],
        isSoft: false,
      }
      for (const term of terms) note(term, wanted, alias, facts)
      for (const term of joins.flatMap((text) => termsOf(text))) {
        for (const { column, of } of columnsIn(term)) {
          if (of === alias && facts.types.has(column)) add(wanted.joined, quoted(column))
        }
      }
      wanted.sorted = sortOf(sortKeys, alias, facts)
      yield wanted
    }
    // Through what makes groups or joins an order does not come from one table's index.
    const keys =
      node["Sort Key"] ??
      (/^(Limit|Gather|Gather Merge|Incremental Sort)$/.test(node["Node Type"]) ? sortKeys : [])
    for (const inner of node.Plans ?? []) yield* walk(inner, keys)
  }
}

function shapesFor({ table, equal, range, joined, sorted, searched, isSoft }: Wanted): IndexShape[] {
  const where = isSoft ? { where: "deleted_at is null" } : {}
  const lists: string[][] = []
  const some = equal.slice(0, mostColumns - 1)
  if (some.length > 0 && sorted.length > 0) lists.push([...some, ...sorted])
  if (sorted.length > 0) lists.push(sorted)
  for (const column of equal.slice(0, mostColumns)) {
    lists.push([column])
    if (sorted.length > 0) lists.push([column, ...sorted])
    if (range[0]) lists.push([column, range[0]])
  }
  if (equal.length > 1) lists.push(equal.slice(0, mostColumns))
  for (const column of range) lists.push([column])
  for (const column of joined) lists.push([column])
  const shapes = lists.map(
    (columns): IndexShape => ({ name: nameOf(table, columns, isSoft), table, columns, ...where }),
  )
  if (searched.length > 0) {
    shapes.push({
      name: searchName(table, searched),
      table,
      columns: searched.map((expression) => `${expression} gin_trgm_ops`),
      method: "gin",
      needs: ["create extension if not exists pg_trgm"],
      ...where,
    })
  }
  return shapes
}

const nameOf = (table: string, columns: string[], isSoft: boolean) =>
  `IDX_pegasus_${table}_${columns.map((column) => column.replace(/\W+/g, "_")).join("_")}${isSoft ? "" : "_all"}`.slice(
    0,
    63,
  )

type Tree = { [key: string]: unknown }
interface Expression {
  kind: string
  name: { String: { sval: string } }[]
  lexpr?: Tree
  rexpr?: Tree
}

/** The parts of a condition that must all hold. */
function termsOf(condition: string | undefined): Tree[] {
  if (!condition) return []
  try {
    const { stmts } = parseSync(`select 1 where ${condition}`) as unknown as {
      stmts: { stmt: { SelectStmt: { whereClause: Tree } } }[]
    }
    return allOf(stmts[0]!.stmt.SelectStmt.whereClause)
  } catch {
    // What EXPLAIN writes is not always SQL: a subplan's number, for one.
    return []
  }
}

function allOf(node: Tree): Tree[] {
  const { BoolExpr } = node as { BoolExpr?: { boolop: string; args: Tree[] } }
  return BoolExpr?.boolop === "AND_EXPR" ? BoolExpr.args.flatMap(allOf) : [node]
}

function note(term: Tree, wanted: Wanted, alias: string, facts: TableFacts): void {
  const nullTest = term.NullTest as { arg: Tree; nulltesttype: string } | undefined
  if (nullTest) {
    const [column] = columnsIn(nullTest.arg)
    if (column?.column === "deleted_at" && nullTest.nulltesttype === "IS_NULL") wanted.isSoft = true
    return
  }
  const searched = searchedBy(term, alias, facts)
  if (searched) {
    for (const expression of searched) add(wanted.searched, expression)
    return
  }
  const flag = flagOf(term, alias, facts)
  if (flag) {
    add(wanted.equal, flag)
    return
  }
  const expression = term.A_Expr as Expression | undefined
  const place = expression?.lexpr && plainColumn(expression.lexpr, alias, facts)
  if (!place) return
  const operator = expression!.name[0]!.String.sval
  if (operator === "=") add(wanted.equal, quoted(place))
  else if (/^[<>]=?$/.test(operator)) add(wanted.range, quoted(place))
}

/** A boolean column: PostgreSQL writes it without `= true`. */
function flagOf(term: Tree, alias: string, facts: TableFacts): string | undefined {
  const { BoolExpr } = term as { BoolExpr?: { boolop: string; args: Tree[] } }
  const inner = BoolExpr?.boolop === "NOT_EXPR" ? BoolExpr.args[0]! : term
  const column = "ColumnRef" in inner ? plainColumn(inner, alias, facts) : undefined
  return column && facts.types.get(column) === "boolean" ? quoted(column) : undefined
}

/** The texts of this table that are searched, if the term is nothing but such searches joined by or. */
function searchedBy(term: Tree, alias: string, facts: TableFacts): string[] | undefined {
  const { BoolExpr } = term as { BoolExpr?: { boolop: string; args: Tree[] } }
  if (BoolExpr?.boolop === "OR_EXPR") {
    const arms = BoolExpr.args.map((arm) => searchedBy(arm, alias, facts))
    return arms.every((arm) => arm !== undefined) ? arms.flat() : undefined
  }
  const expression = term.A_Expr as Expression | undefined
  const operator = expression?.name[0]?.String.sval
  if (!expression?.lexpr || (operator !== "~~*" && operator !== "~~")) return undefined
  const columns = columnsIn(expression.lexpr)
  const [{ column, of } = { column: "", of: undefined }] = columns
  if (columns.length !== 1 || of !== alias) return undefined
  const type = facts.types.get(column)
  if (type === undefined) return undefined
  return [/^(text|character varying)/.test(type) ? quoted(column) : `(${quoted(column)}::text)`]
}

/** A column of this alias, bare or in a cast between kinds of text. */
function plainColumn(node: Tree, alias: string, facts: TableFacts): string | undefined {
  const bare = "TypeCast" in node ? (node.TypeCast as { arg: Tree }).arg : node
  if (!("ColumnRef" in bare)) return undefined
  const [{ column, of } = { column: "", of: undefined }] = columnsIn(bare)
  const type = of === alias ? facts.types.get(column) : undefined
  if (type === undefined || (bare !== node && !/^(text|character varying)/.test(type))) return undefined
  return column
}

function sortOf(keys: string[], alias: string, facts: TableFacts): string[] {
  const columns = keys.map((key) => {
    const [, of, column, direction = ""] = /^"?(\w+)"?\."?(\w+)"?( DESC)?$/.exec(key) ?? []
    return of === alias && column !== undefined && facts.types.has(column)
      ? `${quoted(column)}${direction.toLowerCase()}`
      : undefined
  })
  return columns.length <= mostColumns && columns.every((column) => column !== undefined) ? columns : []
}

function add(list: string[], item: string): void {
  if (!list.includes(item)) list.push(item)
}
