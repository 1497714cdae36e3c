/**
 * A flow that keeps its state (`complete-cart`) saves it at each of its forty steps, before and after. Medusa's engine on Redis reads for that what is there, to see that no other process has
 * ended the step or cancelled the flow, and then writes: two ways to Redis and back, one after the other. Here Redis itself looks whether what is there is still what this process wrote,
 * and writes it over: one way. What is saved before a step that has nothing to compensate is not waited for: should somebody have cancelled the flow in that moment, it is
 * heard when the step has ended.
 *
 * The seam: `saveCheckpoint` (orchestration/dist/transaction/distributed-transaction.js:336, 2.21.2), in place of it and of `save`
 * (workflow-engine-redis/dist/utils/workflow-orchestrator-storage.js:326). Whatever is not plain is saved by Medusa, as in memory (checkpoint-copies.ts); and so is
 * what another process has changed, and what Redis does not answer.
 */
import { createHash } from "node:crypto"
import { DistributedTransaction } from "@medusajs/framework/orchestration"
import {
  type Flow,
  goesOn,
  isUnderWay,
  keyOf,
  type SaveOptions,
  statesOf,
  type Transaction,
} from "./checkpoint-copies"
import { storageOnRedis } from "./checkpoints"

interface Storage {
  redisClient?: { status?: string; eval?(script: string, keys: 1, ...rest: string[]): Promise<unknown> }
}

/** What this process wrote last. */
interface Written {
  digest: string
  /** Of each step. */
  states: Record<string, unknown>
  /** What the steps gave. */
  given: Record<string, unknown>
}

interface Saved {
  flow: Flow
  errors: unknown[]
}

interface Transactions {
  prototype: { saveCheckpoint?: (this: Transaction, options?: SaveOptions) => Promise<Saved | undefined> }
}

/** Also when it is sent a second time, because the answer was lost. */
const overwrite = `local there = redis.call("GET", KEYS[1])
local digest = there and redis.sha1hex(there)
if digest ~= ARGV[1] and digest ~= ARGV[2] then return 0 end
redis.call("SET", KEYS[1], ARGV[3])
return 1`

/**
 * Another workflow engine than the one on Redis is left alone.
 * @returns false when it is not as expected, and nothing was changed
 */
export function saveCheckpointsInOneGo(): boolean {
  const storage = storageOnRedis<Storage>()
  if (!storage) return true
  const { prototype } = DistributedTransaction as unknown as Transactions
  const save = prototype.saveCheckpoint
  const { redisClient } = storage
  if (typeof save !== "function" || typeof redisClient?.eval !== "function") return false
  const written = new WeakMap<Transaction, Written>()
  const overwritten = async (
    transaction: Transaction,
    last: Written,
    { text, ...next }: Written & { text: string },
  ) => {
    written.set(transaction, next)
    const answer = await redisClient.eval!(
      overwrite,
      1,
      keyOf(transaction),
      last.digest,
      next.digest,
      text,
    ).catch(() => 0)
    const isWritten = Number(answer) === 1
    if (!isWritten && written.get(transaction) === next) written.delete(transaction)
    return isWritten
  }
  const saveKept = async (transaction: Transaction, options: SaveOptions) => {
    const last = written.get(transaction)
    const { stepId } = options
    const state = stepId === undefined ? undefined : last?.states[stepId]
    const given = { ...transaction.getContext().invoke }
    if (last && redisClient.status === "ready" && goesOn(transaction, state, last.given)) {
      const isWritten = overwritten(
        transaction,
        last,
        writtenOf({ flow: transaction.getFlow(), errors: [] }, given),
      )
      const isWaitedFor = stepId !== undefined || beginsWork(transaction, last)
      if (!isWaitedFor || (await isWritten)) return undefined
    }
    written.delete(transaction)
    const saved = await save.call(transaction, options)
    if (saved && isUnderWay(transaction)) {
      const { text: _, ...now } = writtenOf(saved, given)
      written.set(transaction, now)
    }
    return saved
  }
  prototype.saveCheckpoint = function (options = {}) {
    return this.getFlow().options?.store ? saveKept(this, options) : save.call(this, options)
  }
  return true
}

/** As Medusa writes it. */
function writtenOf({ flow, errors }: Saved, given: Written["given"]): Written & { text: string } {
  const text = JSON.stringify({ errors, flow })
  const digest = createHash("sha1").update(text).digest("hex")
  return { digest, states: statesOf(flow), given, text }
}

/** Whether a step is about to begin that has something to compensate. */
function beginsWork(transaction: Transaction, { states }: Written): boolean {
  return Object.entries(transaction.getFlow().steps).some(
    ([id, { invoke, definition }]) => invoke?.state !== states[id] && !definition?.noCompensation,
  )
}
