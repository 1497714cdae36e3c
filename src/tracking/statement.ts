/**
 * What a statement may read, told by PostgreSQL's own parser (libpg-query: its grammar, compiled).
 *
 * Each `select`, nested ones too, has sources: the tables it names, and for each what narrows it: the columns that
 * filter, join, sort or group (`used`), those that are given back (`selected`), and the columns that must equal
 * a literal for a row to matter (`keys`). What is not understood makes the statement opaque, with the reason.
 */
import { loadModule, parseSync } from "libpg-query"

/** A column that must have one of the parameter's values. */
export interface Key {
  column: string
  /** Number of the parameter, from 1 on. */
  parameter: number
  /** `= any ($1)`: the parameter must be an array, else it must not. */
  isArray: boolean
  /** Whether the result has no row without a row that has it. */
  isNeeded: boolean
}

export interface Source {
  table: string
  /** When the statement names it. */
  schema: string | undefined
  /** A row matters only if all of these hold. */
  keys: Key[]
  /** Columns that decide whether, where or with what a row is given back. */
  used: Set<string>
  /** Columns given back as they are. */
  selected: Set<string>
  /** Whether all columns are given back, each under its name. */
  star: boolean
  /** Whether all columns matter: a whole row is a value, or what is alike or first is decided by all of them. */
  whole: boolean
  /** Other tables' columns that this one's column is looked up by: `join t on t.id = s.t_id`. */
  lookups: { column: string; by: { table: string; column: string } }[]
  /** Whether the rows of the result are rows of this source. */
  isTop: boolean
  /** Whether not all rows that match need be given back: `limit`, `distinct`, `group by`. */
  isCut: boolean
  /** The name of a column in the rows of the result; undefined when it is not there, or not alone under its name. */
  shownAs(column: string): string | undefined
}

export type Statement =
  | ReadStatement
  | { kind: "write"; tables: string[] }
  | { kind: "none" }
  | { kind: "opaque"; reason: string }

export interface ReadStatement {
  kind: "read"
  sources: Source[]
  /** Asks for the time. */
  usesNow: boolean
  /** The aliases of the tables of which one row each makes a row of the result; undefined when it is made otherwise. */
  rows: string[] | undefined
  /** Without which it gives nothing; undefined when that is not told by parameters. */
  condition: Condition | undefined
}

/** Parts of a condition that compare parameters: what knex calls `1 = 0` where something must be in an empty list. */
export type Condition = { all: Condition[] } | { some: Condition[] } | { equal: readonly [number, number] }

/** @param values of the parameters: see `skeletonOf` @returns whether it holds for no row */
export function isNever(condition: Condition, values: readonly (readonly unknown[])[]): boolean {
  if ("all" in condition) return condition.all.some((one) => isNever(one, values))
  if ("some" in condition) return condition.some.every((one) => isNever(one, values))
  const [one, other] = condition.equal.map((parameter) => values[parameter - 1])
  const areNumbers = [one, other].every((list) => list?.length === 1 && typeof list[0] === "number")
  return areNumbers && one![0] !== other![0]
}

/** To be awaited once, before the first statement. */
export const loadParser: () => Promise<void> = loadModule

/** @returns what it may read; statements that are not understood are opaque */
export function parseStatement(sql: string, isHarmless: (functionName: string) => boolean): Statement {
  try {
    const { stmts = [] } = parseSync(sql) as { stmts?: { stmt?: Node }[] }
    const all = stmts.map(({ stmt }) => new Reader(isHarmless).read(stmt!))
    return combine(all)
  } catch (error) {
    return { kind: "opaque", reason: `not parsed: ${(error as Error).message}` }
  }
}

function combine(statements: Statement[]): Statement {
  const opaque = statements.find(({ kind }) => kind === "opaque")
  if (opaque) return opaque
  const writes = statements.filter((one) => one.kind === "write")
  if (writes.length > 0) return { kind: "write", tables: writes.flatMap(({ tables }) => tables) }
  const reads = statements.filter((one) => one.kind === "read")
  if (reads.length === 0) return { kind: "none" }
  return {
    kind: "read",
    // The rows of several statements come in a form that is not looked into.
    sources: reads.flatMap(({ sources }) =>
      reads.length === 1 ? sources : sources.map((source) => ({ ...source, isTop: false })),
    ),
    usesNow: reads.some(({ usesNow }) => usesNow),
    rows: statements.length === 1 ? reads[0]!.rows : undefined,
    condition: statements.length === 1 ? reads[0]!.condition : undefined,
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the tree is PostgreSQL's own; what is not known is walked, not typed
type Node = any

interface Level {
  /** By alias. What is no table (a nested select, a function, a common table expression) is undefined. */
  sources: Map<string, Source | undefined>
  outer: Level | undefined
  ctes: Set<string>
}

class Opaque extends Error {}

/** Whether it gives no row where there is none: nothing is counted or summed up. */
const showsColumnsAlone = ({ targetList = [], groupClause, havingClause }: Node): boolean =>
  !groupClause && !havingClause && targetList.every(({ ResTarget: { val } }: Node) => val.ColumnRef)

const now = new Set(["now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"])
const writing: Record<string, string> = {
  InsertStmt: "relation",
  UpdateStmt: "relation",
  DeleteStmt: "relation",
  MergeStmt: "relation",
}
const silent = new Set(["TransactionStmt", "VariableSetStmt", "VariableShowStmt", "ListenStmt", "NotifyStmt"])

class Reader {
  private readonly sources: Source[] = []
  private usesNow = false
  /** Whether there is a nested select, or a function. */
  private isNested = false
  private namesOutput = false

  constructor(private readonly isHarmless: (functionName: string) => boolean) {}

  read(statement: Node): Statement {
    const [kind, body] = Object.entries(statement)[0] as [string, Node]
    if (kind in writing) return { kind: "write", tables: [body[writing[kind]!].relname] }
    if (silent.has(kind)) return { kind: "none" }
    if (kind !== "SelectStmt") return { kind: "opaque", reason: `a ${kind}` }
    try {
      const level: Level = { sources: new Map(), outer: undefined, ctes: new Set() }
      const written = this.select(body, level, true)
      if (written.length > 0) return { kind: "write", tables: written }
      const isPlain = !this.isNested && !this.namesOutput && !this.usesNow
      const isOfRows = isPlain && this.sources.every((source) => !source.isCut)
      const rows = isOfRows && this.sources.length > 0 ? [...level.sources.keys()] : undefined
      const condition = showsColumnsAlone(body) ? comparisonsIn(body.whereClause) : undefined
      return { kind: "read", sources: this.sources, usesNow: this.usesNow, rows, condition }
    } catch (error) {
      if (error instanceof Opaque) return { kind: "opaque", reason: error.message }
      throw error
    }
  }

  /** @returns the tables that its common table expressions write to */
  private select(select: Node, level: Level, isTop: boolean): string[] {
    const written: string[] = []
    for (const { CommonTableExpr: cte } of select.withClause?.ctes ?? []) {
      const isRecursive = Boolean(select.withClause.recursive)
      if (isRecursive) level.ctes.add(cte.ctename)
      const [kind, body] = Object.entries(cte.ctequery)[0] as [string, Node]
      if (kind in writing) written.push(body[writing[kind]!].relname)
      else this.nested(body, level)
      level.ctes.add(cte.ctename)
    }
    if (select.op && select.op !== "SETOP_NONE") {
      this.nested(select.larg, level)
      this.nested(select.rarg, level)
      return written
    }
    if (select.lockingClause) throw new Opaque("it locks rows")
    if (select.intoClause) throw new Opaque("it makes a table")
    const cut = select.limitCount || select.distinctClause || select.groupClause || select.havingClause
    for (const item of select.fromClause ?? []) this.from(item, level, isTop, Boolean(cut))
    this.narrow(select.whereClause, level, undefined, isTop && showsColumnsAlone(select))
    this.targets(select.targetList ?? [], level)
    if (namesOutput([select.sortClause, select.groupClause, select.distinctClause])) {
      this.namesOutput = true
      this.noteSelected(level)
    }
    const { whereClause, groupClause, havingClause, sortClause, distinctClause, windowClause } = select
    this.walk([whereClause, groupClause, havingClause, sortClause, distinctClause, windowClause], level)
    this.walk([select.limitCount, select.limitOffset, select.valuesLists], level)
    return written
  }

  private nested(select: Node, outer: Level): void {
    this.isNested = true
    this.select(select, { sources: new Map(), outer, ctes: new Set() }, false)
  }

  private from(item: Node, level: Level, isTop: boolean, isCut: boolean): void {
    if (item.RangeVar) this.table(item.RangeVar, level, isTop, isCut)
    else if (item.JoinExpr) {
      const { larg, rarg, quals, jointype, usingClause, isNatural } = item.JoinExpr
      if (usingClause || isNatural) throw new Opaque("a join by the names of columns")
      this.from(larg, level, isTop, isCut)
      const before = new Set(level.sources.keys())
      this.from(rarg, level, isTop, isCut)
      const right = new Set([...level.sources.keys()].filter((alias) => !before.has(alias)))
      // In an outer join the condition narrows only the side that may be missing.
      if (jointype === "JOIN_INNER") this.narrow(quals, level, undefined, false)
      else if (jointype === "JOIN_LEFT") this.narrow(quals, level, right, false)
      this.walk(quals, level)
    } else if (item.RangeSubselect) {
      this.nested(item.RangeSubselect.subquery.SelectStmt, level)
      level.sources.set(item.RangeSubselect.alias?.aliasname ?? "", undefined)
    } else if (item.RangeFunction) {
      this.isNested = true
      level.sources.set(item.RangeFunction.alias?.aliasname ?? "", undefined)
      this.walk(item.RangeFunction.functions, level)
    } else throw new Opaque(`a ${Object.keys(item)[0]}`)
  }

  private table({ relname, schemaname, alias }: Node, level: Level, isTop: boolean, isCut: boolean): void {
    if (alias?.colnames) throw new Opaque(`columns of ${relname} by other names`)
    if (schemaname === undefined && isCte(relname, level)) {
      level.sources.set(alias?.aliasname ?? relname, undefined)
      return
    }
    if (schemaname === "pg_catalog" || schemaname === "information_schema" || relname.startsWith("pg_")) {
      throw new Opaque(`the catalog: ${relname}`)
    }
    const source: Source = {
      table: relname,
      schema: schemaname,
      keys: [],
      used: new Set(),
      selected: new Set(),
      star: false,
      whole: false,
      lookups: [],
      isTop,
      isCut,
      shownAs: () => undefined,
    }
    this.sources.push(source)
    level.sources.set(alias?.aliasname ?? relname, source)
  }

  /** Finds `column = literal`, `column in (literals)` and `column = column` among conditions that must all hold. */
  private narrow(condition: Node, level: Level, only: Set<string> | undefined, isNeeded: boolean): void {
    if (!condition) return
    if (condition.BoolExpr?.boolop === "AND_EXPR") {
      for (const one of condition.BoolExpr.args) this.narrow(one, level, only, isNeeded)
      return
    }
    const expression = condition.A_Expr
    if (expression?.name?.[0]?.String?.sval !== "=") return
    const { kind, lexpr, rexpr } = expression
    const find = (node: Node) =>
      this.column(node, level) ?? (level.outer ? undefined : this.onlyColumn(node, level))
    const left = find(lexpr)
    if (kind === "AEXPR_IN") {
      const items = rexpr?.List?.items ?? []
      const parameter = items.length === 1 ? parameterOf(items[0]) : undefined
      if (left && parameter !== undefined && allows(left.alias, only)) {
        left.source.keys.push({ column: left.column, parameter, isArray: false, isNeeded })
      }
    } else if (kind === "AEXPR_OP" || kind === "AEXPR_OP_ANY") {
      const right = find(rexpr)
      for (const [side, other] of [
        [left, rexpr],
        [right, lexpr],
      ] as const) {
        const parameter = parameterOf(other)
        if (side && parameter !== undefined && allows(side.alias, only)) {
          side.source.keys.push({
            column: side.column,
            parameter,
            isArray: kind === "AEXPR_OP_ANY",
            isNeeded,
          })
        }
      }
      if (left && right && left.source !== right.source && kind === "AEXPR_OP") {
        this.lookup(left, right, only)
        this.lookup(right, left, only)
      }
    }
  }

  private lookup(one: Found, by: Found, only: Set<string> | undefined): void {
    if (!allows(one.alias, only)) return
    one.source.lookups.push({ column: one.column, by: { table: by.source.table, column: by.column } })
  }

  /** A column of a table of this level, named with its alias. */
  private column(node: Node, level: Level): Found | undefined {
    const fields = node?.ColumnRef?.fields
    if (fields?.length !== 2 || !fields[1].String) return undefined
    const alias = fields[0].String.sval
    const source = level.sources.get(alias)
    return source && { alias, source, column: fields[1].String.sval }
  }

  private targets(targets: Node[], level: Level): void {
    /** By name in the result, all that is given back under it. */
    const shown = new Map<string, (Found | undefined)[]>()
    const stars = new Set<Source>()
    let isClear = true
    for (const { ResTarget: target } of targets) {
      const fields = target.val?.ColumnRef?.fields
      const last = fields?.at(-1)
      if (last?.A_Star) {
        const sources =
          fields.length === 1 ? [...level.sources.values()] : [level.sources.get(fields[0].String.sval)]
        for (const source of sources) {
          if (source) stars.add(source)
          // The names of a nested select's columns are not known here.
          else isClear = false
        }
        continue
      }
      const found = this.column(target.val, level) ?? this.onlyColumn(target.val, level)
      if (found) found.source.selected.add(found.column)
      // A name without an alias may also be that of a column further out.
      if (!found || (level.outer && fields.length === 1)) this.walk(target.val, level)
      const name = target.name ?? last?.String?.sval ?? target.val?.FuncCall?.funcname.at(-1).String.sval
      if (name === undefined) isClear = false
      else shown.set(name, [...(shown.get(name) ?? []), found])
    }
    if (stars.size > 1) isClear = false
    for (const star of stars) star.star = true
    if (!isClear) return
    for (const source of level.sources.values()) {
      if (!source) continue
      const isOwn = (found: Found | undefined, column: string) =>
        found?.source === source && found.column === column
      source.shownAs = (column) => {
        if (source.star) {
          const others = shown.get(column) ?? []
          return others.every((found) => isOwn(found, column)) ? column : undefined
        }
        for (const [name, under] of shown) {
          const hidesInStar = stars.size > 0 && name === column
          if (!hidesInStar && under.every((found) => isOwn(found, column))) return name
        }
        return undefined
      }
    }
  }

  /** A column named without an alias, when there is only one table it can belong to. */
  private onlyColumn(node: Node, level: Level): Found | undefined {
    const fields = node?.ColumnRef?.fields
    if (fields?.length !== 1 || !fields[0].String || level.sources.size !== 1) return undefined
    const [[alias, source]] = level.sources as unknown as [[string, Source | undefined]]
    const column = fields[0].String.sval
    return source && column !== alias ? { alias, source, column } : undefined
  }

  /** What is given back also decides about the order, or what is alike. */
  private noteSelected(level: Level): void {
    for (const source of level.sources.values()) {
      if (!source) continue
      for (const column of source.selected) source.used.add(column)
      if (source.star) source.whole = true
    }
  }

  /** Notes every column, nested select and function in an expression. */
  private walk(node: Node, level: Level): void {
    if (node === null || typeof node !== "object") return
    if (Array.isArray(node)) {
      for (const one of node) this.walk(one, level)
      return
    }
    if (node.ColumnRef) this.use(node.ColumnRef.fields, level)
    else if (node.SelectStmt) this.nested(node.SelectStmt, level)
    else {
      if (node.FuncCall) this.call(node.FuncCall)
      if (node.SQLValueFunction) this.time(node.SQLValueFunction.op)
      for (const value of Object.values(node)) this.walk(value, level)
    }
  }

  private use(fields: Node[], level: Level): void {
    const names = fields.map((field) => field.String?.sval)
    const column = names.at(-1)
    if (names.length === 2) {
      for (let at: Level | undefined = level; at; at = at.outer) {
        if (!at.sources.has(names[0])) continue
        const source = at.sources.get(names[0])
        if (source && column === undefined) source.whole = true
        else source?.used.add(column)
        return
      }
      throw new Opaque(`a column of no known table: ${names.join(".")}`)
    }
    if (names.length > 2) throw new Opaque(`a column named with its schema: ${names.join(".")}`)
    // Without an alias it may be any table's, or name a whole row.
    for (let at: Level | undefined = level; at; at = at.outer) {
      for (const [alias, source] of at.sources) {
        if (!source) continue
        if (column === undefined || alias === column) source.whole = true
        else source.used.add(column)
      }
    }
  }

  private call({ funcname }: Node): void {
    this.isNested = true
    const names = funcname.map((part: Node) => part.String.sval)
    const name = names.at(-1)
    if (names.length > 1 && names[0] !== "pg_catalog") throw new Opaque(`the function ${names.join(".")}`)
    if (now.has(name)) this.usesNow = true
    else if (!this.isHarmless(name)) throw new Opaque(`the function ${name}`)
  }

  private time(operation: string): void {
    if (/TIME|DATE/.test(operation)) this.usesNow = true
    else throw new Opaque(operation)
  }
}

interface Found {
  alias: string
  source: Source
  column: string
}

const allows = (alias: string, only: Set<string> | undefined) => only === undefined || only.has(alias)

function isCte(name: string, level: Level): boolean {
  for (let at: Level | undefined = level; at; at = at.outer) if (at.ctes.has(name)) return true
  return false
}

/** Whether an order, a grouping or `distinct` may mean what is given back: by number, by a bare name, or all of it. */
function namesOutput(clauses: Node[]): boolean {
  return clauses
    .flat()
    .filter(Boolean)
    .map((item) => item.SortBy?.node ?? item)
    .some(({ ColumnRef: column, ...other }) =>
      column
        ? column.fields.length === 1
        : other.A_Const || other.ParamRef || Object.keys(other).length === 0,
    )
}

/** What compares parameters in a condition; undefined where that does not tell whether it holds. */
function comparisonsIn(condition: Node): Condition | undefined {
  const { BoolExpr: group, A_Expr: comparison } = condition ?? {}
  if (group) {
    const parts: (Condition | undefined)[] = group.args.map(comparisonsIn)
    const told = parts.filter((part) => part !== undefined)
    if (group.boolop === "AND_EXPR") return told.length > 0 ? { all: told } : undefined
    return group.boolop === "OR_EXPR" && told.length === parts.length ? { some: told } : undefined
  }
  const isEqual = comparison?.kind === "AEXPR_OP" && comparison.name[0].String.sval === "="
  const [left, right] = isEqual ? [comparison.lexpr?.ParamRef, comparison.rexpr?.ParamRef] : []
  return left && right ? { equal: [left.number, right.number] } : undefined
}

/** `$1`, also as `$1::text` */
function parameterOf(node: Node): number | undefined {
  if (node?.TypeCast) {
    const { names, typmods } = node.TypeCast.typeName
    const isText = ["text", "varchar"].includes(names.at(-1).String.sval) && !typmods
    return isText ? parameterOf(node.TypeCast.arg) : undefined
  }
  return node?.ParamRef?.number
}
