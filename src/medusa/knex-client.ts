/** How knex's client for PostgreSQL sends a statement: its `_query` (knex/lib/dialects/postgres/index.js:230, 3.2), which three seams take the place of. */
import { copyOf, type Plain } from "../engine"
import { otherwise, type Response } from "../tracking"

export interface Query {
  sql: string
  bindings?: readonly unknown[]
  options?: object | undefined
  response?: Response
}

/** What is asked in the message that commits a transaction, after it; for the options of a query. */
export interface AfterCommit {
  texts: readonly string[]
  /** What they gave, when all of them could be asked. */
  answers?: readonly Response[]
  /** Why they could not be asked, when the commit was done. */
  refused?: unknown
  /** Of a statement that is all its transaction does: whether it is to be committed in the same message, and whether it was. */
  isAtOnce?: boolean
  isDone?: boolean
}

export type Send = (this: unknown, connection: object, query: Query) => Promise<Query>

/** Whether it is sent as knex sends most. */
export const isUsual = ({ options = {} }: Pick<Query, "options">) => Object.keys(options).length === 0

/** @returns whether nobody listens to statements but who does so now */
export function isHeardOnlyHere(database: { listenerCount?(event: string): number }): () => boolean {
  const listeners = () => database.listenerCount?.("query")
  const before = listeners()
  return () => before !== undefined && listeners() === before
}

/** With rows of the caller's own. */
export const ownOf = (response: Response): Response =>
  otherwise(response, { rows: copyOf(response.rows as Plain) })

/** In one message; a comment ends with its line. */
export const inOneMessage = (texts: readonly string[]) => texts.join("\n;\n")

/** How knex's client gives connections to those who ask (knex/lib/client.js:402, 3.2); its pool is tarn's. */
export interface Pooled {
  pool?: { numFree?(): number }
  acquireConnection?(): Promise<object>
  releaseConnection?(connection: object): Promise<void>
}
