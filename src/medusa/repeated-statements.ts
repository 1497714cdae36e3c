/**
 * Statements that Medusa repeats within one of a shopper's requests are asked once, until the request writes to what they read: a cart
 * is loaded seven times while a delivery is chosen for it.
 *
 * Two seams. `_query` of knex's PostgreSQL client sends every statement (knex/lib/dialects/postgres/index.js:230, 2.5); the clients that
 * transactions have are made of the same prototype (knex/lib/execution/transaction.js, `makeTxClient`), and always ask. And `acquire`
 * and `execute` of the locking module: who waited for a lock reads what the one before him wrote.
 */
import { copyOf, type Plain, stableText } from "../engine"
import { takeVersions } from "../tracking"
import type { Database, Freshness } from "./freshness"

interface Query {
  sql: string
  bindings?: readonly unknown[]
  options?: object
  response?: Response
}

interface Response {
  rows: Record<string, unknown>[]
  fields: { name: string }[]
}

/** Of an answer that is worth proving. */
const mostRows = 200

type Send = (this: unknown, connection: unknown, query: Query) => Promise<Query>

export interface Locking {
  acquire(...given: unknown[]): Promise<unknown>
  execute(keys: unknown, job: () => unknown, ...rest: unknown[]): Promise<unknown>
}

/** @returns false when it is not as expected, and nothing was changed */
export function spareRepeats(
  database: Database,
  locking: Locking | undefined,
  freshness: Pick<Freshness, "asking" | "asked" | "noteChange" | "forgetRepeats">,
): boolean {
  const { client } = database
  const prototype = Object.getPrototypeOf(client) as { _query?: Send }
  const send = prototype._query
  if (typeof send !== "function" || typeof locking?.acquire !== "function") return false
  forgetWhenLocked(locking, freshness)
  prototype._query = function (connection, query) {
    const isPlain = Object.keys(query.options ?? {}).length === 0 && !query.bindings?.some(isWithoutText)
    const asking = this === client && isPlain ? freshness.asking(query.sql, query.bindings) : undefined
    if (!asking) {
      freshness.asked()
      freshness.noteChange(query.sql)
      return send.call(this, connection, query).finally(() => freshness.noteChange(query.sql))
    }
    const { repeats, tables, versioned } = asking
    const ask = async (): Promise<Answered> => {
      const { sql } = query
      if (!versioned) return { response: (await send.call(this, connection, query)).response! }
      query.sql = versioned.sql
      const { response } = await send.call(this, connection, query).finally(() => {
        query.sql = sql
      })
      const versions = takeVersions(response!)
      return { response: response!, versions: response!.rows.length > mostRows ? undefined : versions }
    }
    const key = `${query.sql}\n${stableText(query.bindings ?? [])}`
    const take = ({ response, versions }: Answered) => {
      asking.answered(versions)
      query.response = repeats ? ownOf(response) : response
      return query
    }
    // On the connection that is there: who waited for another would keep it from others who wait.
    const prove = async (sql: string) => {
      const { response } = await send.call(this, connection, { sql, bindings: [] })
      return response!.rows[0]!.versions as string[]
    }
    const proof = versioned?.proof
    return (repeats ? repeats.answer(key, { tables, proof }, ask, prove) : ask()).then(take, (error) => {
      freshness.asked()
      throw error
    })
  }
  return true
}

interface Answered {
  response: Response
  /** Of its rows. */
  versions?: string | undefined
}

function forgetWhenLocked(locking: Locking, freshness: Pick<Freshness, "forgetRepeats">): void {
  const { acquire, execute } = locking
  locking.acquire = async function (...given) {
    const acquired = await acquire.apply(this, given)
    freshness.forgetRepeats()
    return acquired
  }
  locking.execute = function (keys, job, ...rest) {
    const forgetful = () => {
      freshness.forgetRepeats()
      return job()
    }
    return execute.call(this, keys, forgetful, ...rest)
  }
}

/** What JSON has no text for, or a long one. */
const isWithoutText = (value: unknown) => typeof value === "bigint" || Buffer.isBuffer(value)

/** With rows of the caller's own. */
function ownOf(response: Response): Response {
  const own = Object.create(Object.getPrototypeOf(response)) as Response
  return Object.assign(own, response, { rows: copyOf(response.rows as Plain) })
}
