/**
 * Medusa searches several tables with one condition: `("p0"."title" ilike … or "p3"."sku" ilike …)`, where p3 is joined
 * (2.21.2, the free text filter of its repositories). No index serves an "or" across tables, so every row of the first is
 * joined to all of the others and looked at: seconds, with a hundred thousand products.
 *
 * What such a condition implies can be served: the row is among those whose own columns match, or those to which a row
 * is joined whose columns match. Each of these is one table and its trigram index. Added to the statement with "and",
 * it changes no answer, and leaves few rows to join; as an array, which PostgreSQL makes first, where it would put off a
 * subselect until all is joined. Why it changes none:
 *
 * - a branch of the "or" on the first table's columns that is true is true in the first select;
 * - a branch on a joined table's columns is true only where a row was joined, and then the same join finds it.
 *
 * What is not exactly as expected is left as it is. Texts of shoppers stand in the statement as literals; they are set
 * aside before it is looked at, and come back where they stood.
 */

export interface Narrowed {
  sql: string
  /** What must have trigram indexes, for `deleted_at is null` at least, or the condition costs more than it saves. */
  searched: readonly { table: string; columns: readonly string[] }[]
}

interface Branch {
  alias: string
  column: string
  /** As it is written. */
  text: string
  /** The number of the literal. */
  sought: number
}

interface Joined {
  table: string
  condition: string
}

const mark = "\u0001"
/** Literals of other kinds, and comments. */
const unreadable = new RegExp(`[Ee][${mark}']|\\$\\$|--|/\\*`)
const anyMark = new RegExp(`${mark}(\\d+)${mark}`, "g")

/** Whether it may be one that is narrowed. */
export const isSearch = (sql: string) => sql.includes(" ilike ")

/** @returns undefined when it is no such statement */
export function narrow(sql: string): Narrowed | undefined {
  if (sql.includes(mark)) return undefined
  const literals: string[] = []
  const masked = sql.replace(/'(?:[^']|'')*'/g, (literal) => `${mark}${literals.push(literal) - 1}${mark}`)
  if (!isSearch(masked) || unreadable.test(masked)) return undefined
  for (const { index } of masked.matchAll(/ where \(/g)) {
    const found = narrowAt(masked, index, literals)
    if (found) {
      const whole = found.sql.replace(anyMark, (_, number) => literals[Number(number)]!)
      return { ...found, sql: whole }
    }
  }
  return undefined
}

/** @param at where " where (" begins */
function narrowAt(sql: string, at: number, literals: readonly string[]): Narrowed | undefined {
  const start = at + " where ".length
  const group = readGroup(sql, start)
  if (!group?.branches.every(({ sought }) => hasTrigram.test(literals[sought]!))) return undefined
  const tail = sql.slice(group.end)
  const sources = readSources(sql.slice(0, at))
  if (!sources) return undefined
  const { table, alias, joins } = sources
  const isSoft = `"${alias}"."deleted_at" is null`
  if (!conjuncts(tail).includes(isSoft)) return undefined
  const selects: string[] = []
  const searched = new Map<string, Set<string>>()
  for (const [name, branches] of grouped(group.branches)) {
    const joined = joins.get(name)
    const isFirst = name === alias
    if (!isFirst && (!joined || !isOnlyOf(joined.condition, [alias, name]))) return undefined
    const join = isFirst ? "" : ` inner join "${joined!.table}" as "${name}" on ${joined!.condition}`
    const any = branches.map(({ text }) => text).join(" or ")
    selects.push(`select "${alias}"."id" from "${table}" as "${alias}"${join} where (${any}) and ${isSoft}`)
    const of = isFirst ? table : joined!.table
    searched.set(of, new Set([...(searched.get(of) ?? []), ...branches.map(({ column }) => column)]))
  }
  // Of one table an index serves it as it is.
  if (selects.length < 2) return undefined
  const condition = `"${alias}"."id" = any (array(${selects.join(" union all ")})) and `
  return {
    sql: `${sql.slice(0, start)}${condition}${sql.slice(start)}`,
    searched: [...searched].map(([table, columns]) => ({ table, columns: [...columns] })),
  }
}

function grouped(branches: readonly Branch[]): Map<string, Branch[]> {
  const groups = new Map<string, Branch[]>()
  for (const branch of branches) groups.set(branch.alias, [...(groups.get(branch.alias) ?? []), branch])
  return groups
}

/** Shorter texts are in no trigram: an index would be read from end to end. */
const hasTrigram = /[\p{L}\p{N}]{3}/u

const branch = new RegExp(
  `^(?:"(\\w+)"\\."(\\w+)"|cast\\((\\w+)\\.(\\w+) as text\\)) ilike ${mark}(\\d+)${mark}`,
)

/** A parenthesis with nothing but branches, joined by "or", in parentheses or not. */
function readGroup(sql: string, start: number): { branches: Branch[]; end: number } | undefined {
  const branches: Branch[] = []
  let depth = 0
  let at = start
  for (;;) {
    while (sql[at] === "(") {
      depth++
      at++
    }
    const found = branch.exec(sql.slice(at, at + 400))
    if (!found) return undefined
    const [text, quotedAlias, quotedColumn, alias, column, sought] = found
    // A cast column needs an index on the expression.
    branches.push({
      alias: (quotedAlias ?? alias)!,
      column: quotedColumn ?? `${column}::text`,
      text,
      sought: Number(sought),
    })
    at += text.length
    while (sql[at] === ")" && depth > 0) {
      depth--
      at++
    }
    if (depth === 0) return { branches, end: at }
    if (!sql.startsWith(" or ", at)) return undefined
    at += " or ".length
  }
}

/** What must hold beside the group: the terms that follow it, if "and" joins them all; none when an "or" stands among them. */
function conjuncts(tail: string): string[] {
  const terms: string[] = []
  let depth = 0
  let term = ""
  for (let at = 0; at <= tail.length; at++) {
    const isEnd =
      at === tail.length ||
      (depth === 0 && /^(\)| group by | order by | limit | union )/.test(tail.slice(at, at + 10)))
    if (isEnd) return [...terms, term].slice(1)
    if (depth === 0 && tail.startsWith(" or ", at)) return []
    if (depth === 0 && tail.startsWith(" and ", at)) {
      terms.push(term)
      term = ""
      at += " and ".length - 1
      continue
    }
    if (tail[at] === "(") depth++
    if (tail[at] === ")") depth--
    term += tail[at]
  }
  return []
}

/** What the innermost `from` before the condition names: one table, and others joined on the left. */
function readSources(
  before: string,
): { table: string; alias: string; joins: Map<string, Joined> } | undefined {
  const from = before.lastIndexOf(" from ")
  const [first, ...rest] = before.slice(from + " from ".length).split(" left join ")
  const [, table, alias] = /^"(\w+)" as "(\w+)"$/.exec(first!) ?? []
  if (table === undefined || alias === undefined) return undefined
  const joins = new Map<string, Joined>()
  for (const join of rest) {
    const [, other, name, condition] = /^"(\w+)" as "(\w+)" on (.+)$/.exec(join) ?? []
    if (other === undefined || / join |\(|,/.test(condition!)) return undefined
    joins.set(name!, { table: other, condition: condition! })
  }
  return { table, alias, joins }
}

const isOnlyOf = (condition: string, aliases: readonly string[]) =>
  [...condition.matchAll(/"(\w+)"\./g)].every(([, name]) => aliases.includes(name!))
