/**
 * Searches across tables: no index serves them as Medusa sends them; as a store with Pegasus sends them (search/narrow.ts),
 * trigram indexes do, all of them together.
 */
import type { Client } from "pg"
import { narrow, trigramsOf, trigramsSql } from "../../search"
import type { Finding, Gain } from "../check"
import { type IndexShape, indexSql, quoted, searchName } from "../fixes"
import type { Explained } from "../plan"
import { gainOf, type Question, type Trial } from "./question"

/** A search must become so many times faster. */
const leastTimes = 2

export const hasSearches = (questions: readonly Question[]): boolean =>
  questions.some(({ sql }) => narrow(sql) !== undefined)

/** @param explain undefined where the statement fails or takes too long */
export async function searchFindings(
  client: Client,
  questions: readonly Question[],
  trial: Trial,
  explain: (sql: string) => Promise<Explained | undefined>,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const trigrams = trigramsOf((await client.query(trigramsSql)).rows)
  const { rows } = await client.query(
    "select exists (select from pg_trigger where tgname like 'pegasus\\_%') as found",
  )
  const hasPegasus = rows[0].found === true
  const asked = new Set<string>()
  for (const question of questions) {
    const narrowed = narrow(question.sql)
    if (!narrowed || trigrams.cover(narrowed.searched)) continue
    const shapes = narrowed.searched.map(shapeOf)
    const names = shapes.map(({ name }) => name).join()
    if (asked.has(names)) continue
    asked.add(names)
    const before = await explain(question.sql)
    await client.query("savepoint trial")
    let after: Explained | undefined
    try {
      for (const shape of shapes) await trial.make(shape)
      after = await explain(narrowed.sql)
    } catch {
      // Without its extension, or without room, it stays as it is.
    }
    await trial.clear()
    if (before?.time === undefined || after?.time === undefined) continue
    const gain = gainOf(question, before, after)
    if (gain.after * leastTimes < gain.before) findings.push(findingOf(question, shapes, gain, hasPegasus))
  }
  return findings
}

const shapeOf = ({ table, columns }: { table: string; columns: readonly string[] }): IndexShape => ({
  name: searchName(table, columns),
  table,
  columns: columns.map((column) => {
    const [, name, cast] = /^(\w+?)(::text)?$/.exec(column)!
    return `${cast ? `(${quoted(name!)}::text)` : quoted(name!)} gin_trgm_ops`
  }),
  method: "gin",
  where: "deleted_at is null",
  needs: ["create extension if not exists pg_trgm"],
})

function findingOf(
  { calls, text }: Question,
  shapes: readonly IndexShape[],
  gain: Gain,
  hasPegasus: boolean,
): Finding {
  const tables = shapes.map(({ table }) => table)
  return {
    check: "search",
    severity: "warning",
    subject: tables.join(", "),
    what: `A search in ${tables.join(" and ")} joins every row and looks at each.`,
    why: "Medusa searches them with one condition, an or across tables, which no index serves. Pegasus adds the condition that it implies, which trigram indexes serve.",
    evidence: { calls, "in this store Pegasus": hasPegasus ? "is there" : "is not there" },
    statement: text,
    fix: {
      sql: [...new Set(shapes.flatMap(({ needs = [] }) => needs)), ...shapes.map((shape) => indexSql(shape))],
      undo: shapes.map(({ name }) => `drop index concurrently if exists ${quoted(name)}`),
      locks:
        "SHARE UPDATE EXCLUSIVE on each table while it is built: reads and writes go on. Trigram indexes are large and cost each write of these columns more than others.",
      remark: hasPegasus
        ? "A running store uses them within a minute."
        : "They help a store with withPegasus in its configuration; without it do not build them.",
      isMigration: hasPegasus,
    },
    gain,
  }
}
