/**
 * What is held back together goes as one statement: `with "write 1" as (insert …) insert …`. PostgreSQL sees to foreign keys when all of it is done, as it does
 * after each (https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING). It promises no order, so only those are joined between which there
 * is none: each of another table, of values alone, and without triggers that might look at what the others write.
 */

/** As MikroORM writes them. */
export const insert = /^insert into "(\w+)" \("\w+"(?:, "\w+")*\) values \(/
export const update = /^update "(\w+)" set "\w+" = /
/** What may look at other rows, or is more than one statement, outside of values and names. */
const others = /\bselect\b|\bwith\b|\bfrom\b|;|--|\/\*/i
const calls = /\b(?!(?:values|conflict|when|then|else|and|or|not|in)\b)\w+\s*\(/i
const returning = /\breturning\b/i
const quoted = /'(?:[^']|'')*'|"(?:[^"]|"")*"/g

/** Without its values and names. */
export const wordsOf = (sql: string) => sql.replace(quoted, "*")

interface Write {
  table: string
  /** See `wordsOf`. */
  words: string
}

/** @param mayJoin whether a write of this table does nothing but write its rows */
export function joined(texts: readonly string[], mayJoin: (table: string) => boolean): string[] {
  if (texts.filter((text) => tableOf(text) !== undefined).length < 2) return [...texts]
  const all: string[] = []
  let writes: string[] = []
  let tables = new Set<string>()
  const end = () => {
    if (writes.length > 0) all.push(inOneStatement(writes))
    writes = []
    tables = new Set()
  }
  for (const text of texts) {
    const one = writeOf(text)
    const isJoined = one && mayJoin(one.table)
    if (!isJoined || tables.has(one.table)) end()
    if (!isJoined) {
      all.push(text)
      continue
    }
    writes.push(text)
    tables.add(one.table)
    // What it gives is what the statement gives: it is the last.
    if (returning.test(one.words)) end()
  }
  end()
  return all
}

/** Into which is written; undefined when it is not told as MikroORM tells it. */
export const tableOf = (text: string): string | undefined => (insert.exec(text) ?? update.exec(text))?.[1]

/** Undefined when it is none, or may look at more than its own values. */
export function writeOf(text: string): Write | undefined {
  const table = tableOf(text)
  if (table === undefined) return undefined
  const words = wordsOf(text)
  return others.test(words) || calls.test(words) ? undefined : { table, words }
}

function inOneStatement(writes: readonly string[]): string {
  const before = writes.slice(0, -1).map((text, index) => `"write ${index + 1}" as (${text})`)
  return before.length > 0 ? `with ${before.join(",\n")}\n${writes.at(-1)}` : writes[0]!
}
