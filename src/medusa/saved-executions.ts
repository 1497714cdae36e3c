/**
 * A flow that keeps its state (`complete-cart`) is in the table of executions from its beginning to its end. Medusa looks for it there before it saves it for the first time, under an
 * id that was just made up; and before it saves it for the last it reads back what it wrote, makes an object of it, and compares with that. Here the first is an
 * `insert`, and the last an `update` that reads nothing.
 *
 * The seam: the storage of the in-memory workflow engine has each state `upsert`ed (workflow-engine-inmemory/dist/utils/workflow-orchestrator-storage.js:178, 2.21.2), which finds
 * what is there and writes what is another (utils/dist/dal/mikro-orm/mikro-orm-repository.js:286). Whatever comes between the two is saved as ever.
 */
import { TransactionState } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"
import { isJustMade, storageInMemory } from "./checkpoints"

interface Executions {
  create?(rows: readonly Execution[], ...rest: unknown[]): Promise<readonly { id: string }[]>
  upsert?(rows: readonly Execution[], ...rest: unknown[]): Promise<unknown>
  __workflowExecutionRepository__?: Repository
}

/** Of the table. */
interface Repository {
  entity?: unknown
  find?(options: { where?: { $and?: Partial<Key>[] } }, context: unknown): Promise<unknown>
  getActiveManager?(context: unknown): { merge(entity: unknown, row: object): object }
}

interface Key {
  workflow_id: string
  transaction_id: string
  run_id: string
}

interface Execution extends Key {
  state?: unknown
}

const mostExecutions = 10_000
const ends: ReadonlySet<unknown> = new Set([
  TransactionState.DONE,
  TransactionState.FAILED,
  TransactionState.REVERTED,
])

/**
 * Another workflow engine than the one in memory is left alone.
 * @returns false when it is not as expected, and nothing was changed
 */
export function saveExecutionsUnread(): boolean {
  const storage = storageInMemory<{ workflowExecutionService_?: Executions }>()
  if (!storage) return true
  const executions = storage.workflowExecutionService_
  const repository = executions?.__workflowExecutionRepository__
  const upsert = executions?.upsert
  // What the repository itself gives calls what it has at the time.
  const find = repository && (Object.getPrototypeOf(repository) as Repository).find
  if (!executions || !repository || typeof upsert !== "function" || typeof find !== "function") return false
  if (typeof executions.create !== "function" || typeof repository.getActiveManager !== "function")
    return false
  /** The ids of those that this process has begun; undefined while, or when, that is not known. */
  const begun = new LRUCache<string, { id: string | undefined }>({ max: mostExecutions })
  /** What is being saved for the last time. */
  const ending = new Map<string, Key & { id: string }>()
  executions.upsert = async function (rows, ...rest) {
    const [row] = rows
    if (!row || rows.length > 1) return upsert.call(this, rows, ...rest)
    const { workflow_id, transaction_id, run_id, state } = row
    const key = keyOf(row)
    const known = begun.get(key)
    if (state === TransactionState.NOT_STARTED && !known && isJustMade(transaction_id, Date.now())) {
      begun.set(key, { id: undefined })
      const created = await this.create!(rows, ...rest)
      begun.set(key, { id: created[0]?.id })
      return created
    }
    // What was saved in between is another than what was created.
    begun.set(key, { id: undefined })
    if (known?.id && ends.has(state)) ending.set(key, { workflow_id, transaction_id, run_id, id: known.id })
    return upsert.call(this, rows, ...rest).finally(() => ending.delete(key))
  }
  repository.find = function (options, context) {
    const keys = options.where?.$and ?? []
    const isAsked = ending.size > 0 && keys.length === 3
    const row = isAsked ? ending.get(keyOf(Object.assign({}, ...keys))) : undefined
    if (!row) return find.call(this, options, context)
    return Promise.resolve([this.getActiveManager!(context).merge(this.entity, row)])
  }
  return true
}

const keyOf = ({ workflow_id, transaction_id, run_id }: Key) =>
  [workflow_id, transaction_id, run_id].join(" ")
