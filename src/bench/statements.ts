/**
 * How many SQL statements a request causes, from pg_stat_statements of the store's database.
 *
 * Counted are the calls of every statement of that database but this one and those that only mark the
 * borders of transactions. Work a store does not await still counts: the reading after a request is taken
 * when two in a row are equal. A store's scheduled jobs count too if they run just then, so one request is
 * counted more than once and the lower median taken.
 */
import { setTimeout as delay } from "node:timers/promises"
import { Client as Postgres } from "pg"

/** Without the texts, which are long: what a store does on its own falls into the time of a reading. */
const reading = `
  select queryid::text as id, sum(calls)::float8 as calls,
         (select dealloc from pg_stat_statements_info)::float8 as forgotten
    from pg_stat_statements(false)
   where dbid = (select oid from pg_database where datname = current_database())
   group by queryid`

const borders = `
  select queryid::text as id,
         bool_or(query like '%pg_stat_statements%' or
           query ~* '^\\s*(begin|start transaction|commit|rollback|savepoint|release|set|show|discard)\\y') as is_border
    from pg_stat_statements
   where queryid = any($1::bigint[])
   group by queryid`

/** Between two readings, in milliseconds. */
const settleStep = 30
/** A database that never rests is read at last after this long, in milliseconds. */
const settleLimit = 3_000

export interface StatementCounter {
  /** @returns what `act` returned and the statements it caused; null when they could not be told */
  during<T>(act: () => Promise<T>): Promise<{ value: T; statements: number | null }>
  close(): Promise<void>
}

export type Counting = { state: "able"; counter: StatementCounter } | { state: "unable"; reason: string }

export async function statementCounter(databaseUrl: string | undefined): Promise<Counting> {
  if (!databaseUrl) return { state: "unable", reason: "its description has no databaseUrl" }
  const postgres = new Postgres({ connectionString: databaseUrl, application_name: "pegasus bench" })
  postgres.on("error", () => {})
  try {
    await postgres.connect()
    await postgres.query(reading)
  } catch (cause) {
    await postgres.end().catch(() => {})
    return { state: "unable", reason: (cause instanceof Error && cause.message) || "no connection" }
  }
  return { state: "able", counter: counterOn(postgres) }
}

function counterOn(postgres: Postgres): StatementCounter {
  /** By the id of a statement: whether it only marks a border, or is of this counting. */
  const isBorder = new Map<string | null, boolean>()
  const learn = async (ids: readonly string[]) => {
    if (ids.length === 0) return
    const { rows } = await postgres.query<{ id: string; is_border: boolean }>(borders, [ids])
    for (const { id, is_border } of rows) isBorder.set(id, is_border)
  }
  const read = async () => {
    const { rows } = await postgres.query<{ id: string | null; calls: number; forgotten: number }>(reading)
    await learn(rows.flatMap(({ id }) => (id === null || isBorder.has(id) ? [] : [id])))
    const counted = rows.filter(({ id }) => !isBorder.get(id))
    return { calls: counted.reduce((sum, { calls }) => sum + calls, 0), forgotten: rows[0]?.forgotten ?? 0 }
  }
  const settled = async () => {
    let last = await read()
    for (let waited = 0; waited < settleLimit; waited += settleStep) {
      await delay(settleStep)
      const next = await read()
      if (next.calls === last.calls) return next
      last = next
    }
    return last
  }
  return {
    async during(act) {
      const before = await settled()
      const value = await act()
      const after = await settled()
      // Postgres drops the rarest statements when its table is full; a sum across that says nothing.
      const whole = before.forgotten === after.forgotten && after.calls >= before.calls
      return { value, statements: whole ? after.calls - before.calls : null }
    },
    close: () => postgres.end(),
  }
}
