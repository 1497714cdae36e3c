/**
 * Searches across tables are sent with the condition that their own implies (search/narrow.ts), where trigram indexes
 * serve it: `pegasus doctor` recommends them. Without the indexes nothing is changed.
 *
 * The seam: `_query` of knex's PostgreSQL client sends every statement (knex/lib/dialects/postgres/index.js:230, 2.5). It
 * is the last before the driver: whoever else looks at the statement sees Medusa's.
 */
import { AsyncResource } from "node:async_hooks"
import type { Logger } from "@medusajs/framework/types"
import { isSearch, narrow, type Trigrams, trigramsOf, trigramsSql } from "../search"
import type { Database } from "./freshness"
import type { Send } from "./knex-client"

/** How long the indexes that were seen are taken for those that are there, in milliseconds. */
const memory = 60_000

/** @returns false when it is not as expected, and nothing was changed */
export async function narrowSearches(database: Database, logger: Pick<Logger, "warn">): Promise<boolean> {
  const prototype = Object.getPrototypeOf(database.client) as { _query?: Send }
  const send = prototype._query
  if (typeof send !== "function") return false
  let trigrams = await trigramsIn(database).catch((error: Error) => {
    logger.warn(
      `Pegasus: the indexes for searches could not be looked for (${error.message}); they are sent as they are.`,
    )
    return trigramsOf([])
  })
  let readAt = performance.now()
  // Not a part of the request that happens to be searching: what a request reads is noted.
  const look = AsyncResource.bind(() => trigramsIn(database))
  const known = (): Trigrams => {
    if (performance.now() - readAt > memory) {
      readAt = performance.now()
      look().then(
        (found) => {
          trigrams = found
        },
        () => undefined,
      )
    }
    return trigrams
  }
  prototype._query = function (connection, query) {
    if (!isSearch(query.sql)) return send.call(this, connection, query)
    const indexed = known()
    const narrowed = indexed.isEmpty ? undefined : narrow(query.sql)
    if (!narrowed || !indexed.cover(narrowed.searched)) return send.call(this, connection, query)
    const { sql } = query
    query.sql = narrowed.sql
    return send.call(this, connection, query).finally(() => {
      query.sql = sql
    })
  }
  return true
}

async function trigramsIn(database: Database): Promise<Trigrams> {
  const { rows } = await database.raw(trigramsSql)
  return trigramsOf(rows as unknown as { table: string; name: string }[])
}
