/**
 * What a transaction asks first is put together while its `BEGIN` is on the way: whoever begins one need not wait for the answer to a statement that
 * reads and writes nothing. The next statement on the connection waits for it, and fails as it failed.
 *
 * The seam: `_query` of knex's PostgreSQL client sends every statement (knex/lib/dialects/postgres/index.js:230, 2.5), `BEGIN;` among them
 * (knex/lib/execution/transaction.js, `begin`).
 */
import type { Database } from "./freshness"

interface Query {
  sql: string
  response?: object
}

type Send = (this: unknown, connection: object, query: Query) => Promise<Query>

/** @returns false when it is not as expected, and nothing was changed */
export function overlapBegins(database: Database): boolean {
  const prototype = Object.getPrototypeOf(database.client) as { _query?: Send }
  const send = prototype._query
  if (typeof send !== "function") return false
  const beginning = new WeakMap<object, Promise<Query>>()
  prototype._query = function (connection, query) {
    const before = beginning.get(connection)
    beginning.delete(connection)
    const sent = before
      ? before.then(() => send.call(this, connection, query))
      : send.call(this, connection, query)
    if (query.sql !== "BEGIN;") return sent
    // Whoever comes next hears of it.
    sent.catch(() => undefined)
    beginning.set(connection, sent)
    return Promise.resolve({ ...query, response: { command: "BEGIN", rowCount: null, rows: [], fields: [] } })
  }
  return true
}
