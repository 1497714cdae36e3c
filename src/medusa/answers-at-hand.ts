/**
 * A statement whose answer a shopper's request has already, or has on its way, does not go to knex, which would make thirty promises of it and take a connection for nothing: most of
 * what is asked to make a payment collection is such.
 *
 * The seam: `execute` of MikroORM's SQL connection (@mikro-orm/knex/AbstractSqlConnection.js:128, 6.6), outside of transactions and on the store's own knex. Whoever
 * has queries logged, or listens to those of knex, hears of all as ever.
 */
import { AbstractSqlConnection } from "@medusajs/framework/mikro-orm/postgresql"
import type { Database, Freshness } from "./freshness"
import { isHeardOnlyHere, ownOf } from "./knex-client"

type Execute = (
  this: Connection,
  query: unknown,
  params?: readonly unknown[],
  method?: string,
  transaction?: unknown,
  loggerContext?: object,
) => Promise<unknown>

/** What is used of MikroORM's connection. */
interface Connection {
  connected: boolean
  platform: { formatQuery(sql: string, params: readonly unknown[]): string }
  config: {
    get(name: "onQuery"): (sql: string, params: readonly unknown[]) => string
    getLogger(): { isEnabled(namespace: string, context?: object): boolean }
  }
  getKnex(): object
  transformRawResult(response: object, method: string): unknown
}

/** @returns false when it is not as expected, and nothing was changed */
export function answerAtHand(database: Database, freshness: Pick<Freshness, "atHand">): boolean {
  const prototype = AbstractSqlConnection?.prototype as unknown as { execute?: Execute } | undefined
  const execute = prototype?.execute
  if (!prototype || typeof execute !== "function") return false
  const isAsRead = (connection: Connection) =>
    typeof connection.transformRawResult === "function" &&
    typeof connection.platform?.formatQuery === "function" &&
    typeof connection.config?.getLogger === "function"
  const isOnlyHere = isHeardOnlyHere(database)
  prototype.execute = async function (query, params = [], method = "all", transaction, context) {
    const asEver = () => execute.call(this, query, params, method, transaction, context)
    const isOfStore = isAsRead(this) && this.connected && this.getKnex() === database
    if (typeof query !== "string" || transaction || !isOfStore) return asEver()
    if (!isOnlyHere() || this.config.getLogger().isEnabled("query", context)) return asEver()
    const text = this.platform.formatQuery(this.config.get("onQuery")(query, params), params)
    const response = await freshness.atHand(text)
    return response ? this.transformRawResult(ownOf(response), method) : asEver()
  }
  return true
}
