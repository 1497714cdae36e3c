/**
 * Which version of each row a statement gave. PostgreSQL keeps a row that is changed beside the one it was: `ctid` is its place, `xmin` the
 * transaction that wrote it (PostgreSQL 18, 5.6 System Columns). A statement of which each row is made of one row of each of its tables gives
 * the same again if it gives the same versions, no more and no fewer.
 *
 * The versions come with the rows, in one column more: asked for afterwards they could be those of a change made in between.
 */

/** Nobody's column. */
const name = "pegasus versions"

export interface Versioned {
  /** The statement, with the column. */
  sql: string
  /** A statement of the versions alone, under the name `v`. */
  proof: string
}

const from = /(?<!\.\s*)\bfrom\b/iy
/** Where a word may hide in other ways, or mean another thing; and a select of nothing. */
const hidden = /--|;|\/\*|\$|\be'|\bdistinct\s+from\b|^select\s+from\b/i

/**
 * @param sql a select without parameters
 * @param aliases of its tables, each of which gives one row for each of its rows
 * @returns undefined when it is not written as expected
 */
export function versioned(sql: string, aliases: readonly string[]): Versioned | undefined {
  if (!/^select\s/i.test(sql) || hidden.test(sql)) return undefined
  const end = endOfList(sql)
  if (end === undefined) return undefined
  const systems = aliases.map(quoted).flatMap((alias) => [`${alias}.ctid`, `${alias}.xmin`])
  const versions = `row(${systems.join(", ")})::text`
  const [list, rest] = [sql.slice(0, end), sql.slice(end)]
  return {
    sql: `${list.trimEnd()}, ${versions} as ${quoted(name)} ${rest}`,
    proof: `select ${versions} as v ${rest}`,
  }
}

/** Where what is selected ends: at the word `from`, not within a string, a name or parentheses. It is asked of each statement, and makes nothing. */
function endOfList(sql: string): number | undefined {
  let depth = 0
  for (let at = 0; at < sql.length; at++) {
    const sign = sql[at]!
    if (sign === "'" || sign === '"') {
      at = sql.indexOf(sign, at + 1)
      if (at < 0) return undefined
    } else if (sign === "(") depth++
    else if (sign === ")") depth--
    else if (depth === 0 && (sign === "f" || sign === "F")) {
      from.lastIndex = at
      if (from.test(sql)) return at
    }
  }
  return undefined
}

/** Takes the column out of an answer. Rows are made anew: one that loses a column by `delete` becomes a table of names for V8, and is slow to read ever after. */
export function takeVersions(answer: {
  rows: Record<string, unknown>[]
  fields: { name: string }[]
}): string {
  answer.fields = answer.fields.filter((field) => field.name !== name)
  const versions: string[] = []
  answer.rows = answer.rows.map(({ [name]: version, ...row }) => {
    versions.push(version as string)
    return row
  })
  return versions.sort().join(" ")
}

/** One statement whose one row has the versions of all these, in `versions`. */
export function proofOf(statements: Iterable<string>): string {
  const each = [...statements].map(
    (statement) => `(select coalesce(string_agg(v, ' ' order by v collate "C"), '') from (${statement}) one)`,
  )
  return `select array[${each.join(", ")}] as versions`
}

const quoted = (identifier: string) => `"${identifier.replaceAll('"', '""')}"`
