/**
 * A flow that keeps its state (`complete-cart`) is in the table of executions from its beginning to its end. Medusa looks for it there before it saves it for the first time, under an
 * id that was just made up; and before it saves it for the last it reads back what it wrote, makes an object of it, and compares with that. Here the first is an
 * `insert`, and the last an `update` that reads nothing and makes no object of it.
 *
 * The seam: the storage of the workflow engine has each state `upsert`ed (workflow-engine-inmemory/dist/utils/workflow-orchestrator-storage.js:178, workflow-engine-redis/dist/utils/workflow-orchestrator-storage.js:225, 2.21.2), which finds
 * what is there and writes what is another (utils/dist/dal/mikro-orm/mikro-orm-repository.js:286). Whatever comes between the two is saved as ever, and so is what is no longer there.
 */
import { TransactionState } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"
import { isOnlyOurs, storageOfMedusa } from "./checkpoints"
import type { Database, Freshness } from "./freshness"

interface Executions {
  create?(rows: readonly Execution[], ...rest: unknown[]): Promise<readonly { id: string }[]>
  upsert?(rows: readonly Execution[], ...rest: unknown[]): Promise<unknown>
}

/** Of the table. */
interface Execution {
  workflow_id: string
  transaction_id: string
  run_id: string
  execution?: unknown
  context?: unknown
  state?: unknown
  retention_time?: number | undefined
}

const mostExecutions = 10_000
const ends: ReadonlySet<unknown> = new Set([
  TransactionState.DONE,
  TransactionState.FAILED,
  TransactionState.REVERTED,
])

/**
 * Another workflow engine than Medusa's two is left alone.
 * @returns false when it is not as expected, and nothing was changed
 */
export function saveExecutionsUnread(
  database: Pick<Database, "raw">,
  freshness: Pick<Freshness, "hasMade">,
): boolean {
  const storage = storageOfMedusa<{ workflowExecutionService_?: Executions }>()
  if (!storage) return true
  const executions = storage.workflowExecutionService_
  const { create, upsert } = executions ?? {}
  if (!executions || typeof upsert !== "function" || typeof create !== "function") return false
  const isOurs = isOnlyOurs(freshness)
  /** The ids of those that this process has begun; undefined while, or when, that is not known. */
  const begun = new LRUCache<string, { id: string | undefined }>({ max: mostExecutions })
  executions.upsert = async function (rows, ...rest) {
    const [row] = rows
    if (!row || rows.length > 1 || rest.length > 0) return upsert.call(this, rows, ...rest)
    const { workflow_id, transaction_id, run_id, state } = row
    const key = [workflow_id, transaction_id, run_id].join(" ")
    const known = begun.get(key)
    if (state === TransactionState.NOT_STARTED && !known && isOurs(transaction_id)) {
      begun.set(key, { id: undefined })
      const created = await create.call(this, rows)
      begun.set(key, { id: created[0]?.id })
      return created
    }
    // What was saved in between is another than what was created.
    begun.set(key, { id: undefined })
    const isEnded = known?.id !== undefined && ends.has(state) && (await end(known.id, row, database))
    return isEnded ? [] : upsert.call(this, rows)
  }
  return true
}

const update = `update "workflow_execution" set "execution" = ?, "context" = ?, "state" = ?, "retention_time" = ?, "updated_at" = ?
  where "id" = ? and "workflow_id" = ? and "transaction_id" = ? and "run_id" = ? and "deleted_at" is null`

/** @returns false when it is to be saved as ever */
async function end(id: string, row: Execution, database: Pick<Database, "raw">): Promise<boolean> {
  const { execution, context, state, retention_time, workflow_id, transaction_id, run_id } = row
  if (retention_time === undefined) return false
  const [flow, given] = [JSON.stringify(execution), JSON.stringify(context)]
  const values = [flow, given, state, retention_time, new Date(), id, workflow_id, transaction_id, run_id]
  const updated = await database.raw(update, values).catch(() => undefined)
  return updated?.rowCount === 1
}
