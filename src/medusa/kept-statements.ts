/**
 * Which promotions there may be for a cart is asked by the module of promotions itself, and not by a read of it that is kept (module-reads.ts): a condition over twelve tables, which PostgreSQL plans
 * for five milliseconds at every change of a cart. The statements are parts as those reads are, each by its text; but not for who wrote something that they read, called a function that
 * may have, or waited for a lock.
 */
import { LRUCache } from "lru-cache"
import { emptyAnswerOf, otherwise } from "../tracking"
import type { Freshness } from "./freshness"
import { keyOf, loadWhole, type PartsOptions, recall } from "./module-reads"

export interface KeptStatementsOptions extends PartsOptions {
  freshness: PartsOptions["freshness"] & Pick<Freshness, "keptStatements" | "noted">
}

/** Statements that were recalled the last time. */
const mostRecalled = 2_000

export function keepStatements(options: KeptStatementsOptions): void {
  const { freshness } = options
  const recalled = new LRUCache<string, true>({ max: mostRecalled })
  freshness.keptStatements = {
    has: (sql) => recalled.has(sql),
    recall({ sql, shape }) {
      const none = emptyAnswerOf(shape)
      const found = none && recall(keyOf("statement", sql), options)
      if (!found) {
        recalled.delete(sql)
        return undefined
      }
      recalled.set(sql, true)
      const rows = found.value as Record<string, unknown>[]
      return otherwise(none, { rows, rowCount: rows.length })
    },
    keep: ({ sql }, ask) =>
      new Promise((resolve, reject) => {
        const read = async () => {
          const response = await freshness.noted(sql, ask)
          // Nobody waits until it is kept.
          resolve(response)
          return response.rows
        }
        loadWhole(keyOf("statement", sql), read, options).catch(reject)
      }),
  }
}
