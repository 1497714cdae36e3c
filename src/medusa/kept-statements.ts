/**
 * What a shopper's request asks of the catalogue by itself, and not by a read of a module that is kept (module-reads.ts), is a part, too: statement by statement. Which promotions there
 * may be for a cart is a condition over twelve tables, which PostgreSQL plans for five milliseconds at every change of a cart.
 */
import { answerOf } from "../tracking"
import type { Freshness } from "./freshness"
import { loadWhole, type PartsOptions, recall } from "./module-reads"

export interface KeptStatementsOptions extends PartsOptions {
  freshness: PartsOptions["freshness"] & Pick<Freshness, "kept" | "noted">
}

export function keepStatements(options: KeptStatementsOptions): void {
  const { cache, freshness } = options
  freshness.kept = {
    has: (sql) => cache.peek(keyOf(sql)) !== undefined,
    recall({ sql, shape }) {
      const found = recall(keyOf(sql), options)
      return found && answerOf(shape, found.value as Record<string, unknown>[])
    },
    async keep({ sql }, ask) {
      let response: Awaited<ReturnType<typeof ask>> | undefined
      const read = async () => {
        response = await freshness.noted(sql, ask)
        return response.rows
      }
      await loadWhole(keyOf(sql), read, options)
      return response!
    },
  }
}

const keyOf = (sql: string) => `part:${sql}`
