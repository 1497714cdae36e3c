/**
 * Statements that Medusa repeats within one of a shopper's requests are asked once, until the request writes to what they read: a cart
 * is loaded seven times while a delivery is chosen for it. What a request is expected to ask next is asked along, in one message.
 *
 * Two seams. `_query` of knex's PostgreSQL client sends every statement (knex/lib/dialects/postgres/index.js:230, 2.5); the clients that
 * transactions have are made of the same prototype (knex/lib/execution/transaction.js, `makeTxClient`), and always ask, but for what folded-transactions.ts knows. And locks (locks.ts).
 */
import type { Response, Send as SendAll } from "../tracking"
import { takeFree } from "./free-connections"
import type { Database, Freshness } from "./freshness"
import { type AfterCommit, inOneMessage, isUsual, ownOf, type Pooled, type Send } from "./knex-client"
import { forgetWhenLocked, type Locking } from "./locks"
import type { PreparedStatements } from "./prepared-statements"
import { isAllOfTransaction } from "./single-writes"

/** @returns false when it is not as expected, and nothing was changed */
export function spareRepeats(
  database: Database,
  locking: Locking | undefined,
  freshness: Pick<
    Freshness,
    "asking" | "asked" | "committing" | "noteChange" | "forgetRepeats" | "sendAtOnce"
  >,
  prepared: PreparedStatements,
): boolean {
  const { client } = database
  const prototype = Object.getPrototypeOf(client) as { _query?: Send }
  const send = prototype._query
  if (typeof send !== "function" || typeof locking?.acquire !== "function") return false
  forgetWhenLocked(locking, freshness)
  freshness.sendAtOnce = onIdle({ client, send, prepared })
  /** Connections whose transaction was committed with its only statement. */
  const committed = new WeakSet<object>()
  prototype._query = function (connection, query) {
    const { sql, bindings = [] } = query
    const isPlain = isUsual(query) && !bindings.some(isWithoutText)
    const asking = this === client && isPlain ? freshness.asking(sql, bindings) : undefined
    if (!asking) {
      const isCommit = sql === "COMMIT;"
      // It was committed with its only statement, and that was noted.
      if (committed.delete(connection) && isCommit) return send.call(this, connection, query)
      freshness.asked()
      freshness.noteChange(sql, connection)
      const isAtOnce = this !== client && isPlain && bindings.length === 0 && isAllOfTransaction(sql)
      const isOfStore = (this as typeof client).config === client.config
      const ending =
        isOfStore && (isCommit || isAtOnce) ? freshness.committing(connection, isAtOnce ? 3 : 1) : undefined
      const texts = (ending?.texts ?? []).map((text) => prepared.worded(connection, text))
      const afterCommit: AfterCommit | undefined = ending || isAtOnce ? { texts, isAtOnce } : undefined
      const sent = afterCommit ? { ...query, options: { ...query.options, afterCommit } } : query
      return send.call(this, connection, sent).finally(() => {
        if (afterCommit?.answers) ending?.answered(afterCommit.answers)
        if (afterCommit?.refused) prepared.isLost(afterCommit.refused, connection, texts)
        freshness.noteChange(sql, connection)
        if (!afterCommit?.isDone) return
        committed.add(connection)
        for (let time = 0; time < 2; time++) freshness.noteChange("COMMIT;", connection)
      })
    }
    // On the connection that is there: who waited for another would keep it from others who wait.
    const on = { client: this, connection, send, prepared }
    return asking
      .answer((texts) => sendAll(on, texts, texts.length === 1 ? asking.bindings : []))
      .then(
        (response) => {
          query.response = ownOf(response)
          return query
        },
        (error) => {
          freshness.asked()
          throw error
        },
      )
  }
  return true
}

interface Through {
  client: unknown
  send: Send
  prepared: PreparedStatements
}

async function sendAll(
  { client, connection, send, prepared }: Through & { connection: object },
  texts: readonly string[],
  bindings: readonly unknown[] = [],
): Promise<Response[]> {
  const ask = async (asked: readonly string[]) => {
    const { response } = await send.call(client, connection, { sql: inOneMessage(asked), bindings })
    const responses = [response].flat() as Response[]
    if (responses.length !== texts.length) throw new Error("Not every statement was answered.")
    return responses
  }
  if (bindings.length > 0) return ask(texts)
  const worded = texts.map((text) => prepared.worded(connection, text))
  try {
    return await ask(worded)
  } catch (error) {
    if (!prepared.isLost(error, connection, worded)) throw error
    return ask(texts)
  }
}

/** Undefined while there is not one for it, one for who will ask meanwhile, and one for each who has done so before. */
function onIdle({ client, send, prepared }: Through & { client: Pooled }): () => SendAll | undefined {
  let underWay = 0
  const sendAtOnce: SendAll = async (texts) => {
    underWay++
    try {
      const connection = takeFree(client.pool) ?? (await client.acquireConnection!())
      try {
        return await sendAll({ client, connection, send, prepared }, texts)
      } finally {
        await client.releaseConnection!(connection)
      }
    } finally {
      underWay--
    }
  }
  return () => ((client.pool?.numFree?.() ?? 0) >= 2 + underWay ? sendAtOnce : undefined)
}

/** What JSON has no text for, or a long one. */
const isWithoutText = (value: unknown): boolean =>
  Array.isArray(value) ? value.some(isWithoutText) : typeof value === "bigint" || Buffer.isBuffer(value)
