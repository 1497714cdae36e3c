/** The statements that this database was asked, from pg_stat_statements: their constants are masked there already. */
import { quoted } from "./fixes"
import type { Patient } from "./patient"

export interface Statement {
  /** With `$1` for its constants; what else it holds is masked before it is shown. */
  text: string
  calls: number
  /** Milliseconds. */
  mean: number
  total: number
  rows: number
}

export interface Workload {
  statements: Statement[]
  /** Of all of them, in milliseconds. */
  total: number
}

/** What is prepared is told with its name, as Pegasus does it (medusa/prepared-statements.ts). */
const theStatements = `
  select s.text, sum(s.calls)::float8 as calls, sum(s.total_exec_time) as total,
    sum(s.total_exec_time) / sum(s.calls) as mean, sum(s.rows)::float8 as rows
  from (select *, regexp_replace(query, '^\\s*prepare\\s+("[^"]*"|\\w+)\\s+as\\s+', '', 'i') as text from EXTENSION.pg_stat_statements) s
  join pg_database d on d.oid = s.dbid and d.datname = current_database()
  where s.text ~* '^\\s*(select|insert|update|delete|with)\\s'
    and s.text !~* '(pg_catalog|information_schema|pg_stat|pg_class|pg_type|to_regclass|pg_(try_)?advisory)'
    and s.calls > 0
  group by s.text order by 3 desc limit 1000`

/** @returns undefined where the extension is not there, or not for this role */
export async function workloadOf(patient: Patient): Promise<Workload | undefined> {
  const schema = patient.extensions.get("pg_stat_statements")
  if (schema === undefined || !patient.role.seesStatistics) return undefined
  try {
    const statements = await patient.ask<Statement & { [column: string]: unknown }>(
      theStatements.replace("EXTENSION", quoted(schema)),
    )
    const total = statements.reduce((sum, { total }) => sum + total, 0)
    return { statements, total }
  } catch {
    // Created, but not among the libraries that the server loads.
    return undefined
  }
}

/** A statement or a condition of a plan as it may be shown: it holds no customer's data. */
export const withoutConstants = (text: string): string =>
  text.replace(parts, (part, name: string | undefined) => {
    if (name !== undefined) return part
    return /^(--|\/\*)/.test(part) ? "" : /^[\d.]/.test(part) ? "?" : "'?'"
  })

/** A name or a parameter, which stays; else a comment, a literal of any kind, or a number. What is not closed goes to the end. */
const parts =
  /("(?:[^"]|"")*"|\$\d+|(?<![\w$])[\p{L}_][\w$\p{L}]*(?!['\w]))|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)|\$(\w*)\$[\s\S]*?(?:\$\2\$|$)|(?<![\w$])\.?\d[\w.]*/gu
