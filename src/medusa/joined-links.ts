/**
 * Links of several kinds that are made at once (modules-sdk/dist/link.js:225, 2.21.2) are each a transaction of one `insert`, on a connection of its own. Those of one turn of
 * the event loop go as one statement on one connection. When it is refused nothing is done, and each goes alone.
 */
import { otherwise, type Response } from "../tracking"
import { writeOf } from "./joined-writes"

type Answered = (error: unknown, response?: unknown) => void

/** All that a transaction does. */
export interface Single {
  text: string
  /** On its own connection. */
  ask(text: string, answered: Answered): void
  answered: Answered
}

/** As MikroORM writes one row, which is given back whether it is new or was there. */
const upsert =
  /^insert into \* \(\*(?:, \*)*\) values \([^()]*\) on conflict \(\*(?:, \*)*\) do update set \* = excluded\.\*(?:, \* = excluded\.\*)* returning \*(?:, \*)*$/
const names = / returning ("\w+"(?:, "\w+")*)$/

interface Link {
  text: string
  table: string
  returning: readonly string[]
}

export class JoinedLinks {
  private waiting: Single[] = []

  /** @param mayJoin whether a write of this table does nothing but write its rows */
  constructor(private readonly mayJoin: (table: string) => boolean) {}

  ask(single: Single): void {
    if (this.waiting.push(single) === 1) process.nextTick(() => this.send(this.waiting.splice(0)))
  }

  private send(all: readonly Single[]): void {
    const [first] = all
    const links = all.length > 1 ? this.linksOf(all) : undefined
    if (!links) {
      for (const one of all) alone(one)
      return
    }
    first!.ask(inOneStatement(links), (error, response) => {
      for (const [index, one] of all.entries()) {
        if (error) alone(one)
        else one.answered(null, partOf(response as Response, links, index))
      }
    })
  }

  /** Undefined when not all are such, each of another table. */
  private linksOf(all: readonly Single[]): Link[] | undefined {
    const links = all.flatMap(({ text }) => linkOf(text) ?? [])
    const tables = new Set(links.map(({ table }) => table))
    return tables.size === all.length && [...tables].every(this.mayJoin) ? links : undefined
  }
}

const alone = ({ ask, text, answered }: Single) => ask(text, answered)

function linkOf(text: string): Link | undefined {
  const write = writeOf(text)
  const [, listed] = names.exec(text) ?? []
  if (!write || !listed || !upsert.test(write.words)) return undefined
  return { text, table: write.table, returning: listed.match(/\w+/g)! }
}

/** Each gives one row: so do all together. */
function inOneStatement(links: readonly Link[]): string {
  const inserts = links.map(({ text }, index) => `"link ${index}" as (${text})`)
  const columns = links.flatMap(({ returning }, index) =>
    returning.map((name) => `"link ${index}"."${name}" as "${index} ${name}"`),
  )
  const tables = links.map((_, index) => `"link ${index}"`)
  return `with ${inserts.join(",\n")}\nselect ${columns.join(", ")} from ${tables.join(", ")}`
}

/** What the insert would have given alone. */
function partOf(response: Response, links: readonly Link[], index: number): Response {
  const names = links[index]!.returning
  const { rows, fields } = response
  const row = Object.fromEntries(names.map((name) => [name, rows[0]![`${index} ${name}`]]))
  const own = names.map((name) => ({ ...fields.find((field) => field.name === `${index} ${name}`), name }))
  return otherwise(response, { command: "INSERT", rowCount: 1, rows: [row], fields: own })
}
