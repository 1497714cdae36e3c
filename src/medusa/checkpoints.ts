/**
 * A workflow that begins under an id that was just made up has no checkpoint. Medusa asks the database for it all the same,
 * once for each workflow and each workflow within it: eight times when a shopper puts something into his cart.
 *
 * The seam: `beginTransaction` (orchestration/dist/transaction/transaction-orchestrator.js:1126, 2.21.2) asks the storage of the
 * workflow engine, in memory (workflow-engine-inmemory/dist/utils/workflow-orchestrator-storage.js:200) or on Redis (workflow-engine-redis/dist/utils/workflow-orchestrator-storage.js:280), before it does
 * anything else, in the same turn; and the storage asks itself when it saves the first (:479, :589). The id holds when it was made (ULID). What this process saved itself, what is older than a minute or than
 * the process, and every other way to ask goes to the database as ever. On Redis another process may go on with what this one began: there it must be the same request that made up the id.
 */
import { DistributedTransaction, TransactionOrchestrator } from "@medusajs/framework/orchestration"
import { TransactionState } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"
import type { Freshness } from "./freshness"

interface Storage {
  get(key: string, ...rest: unknown[]): Promise<unknown>
  save(key: string, data?: { flow?: { state?: unknown } }, ...rest: unknown[]): Promise<unknown>
}

type Begin = (this: unknown, options: { transactionId: string }) => Promise<unknown>

/** Milliseconds. */
const longestFlow = 60_000
const mostSaved = 50_000
/** What node's ULIDs are made of (Crockford's base 32); the first ten digits are the milliseconds since 1970. */
const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const madeUp = /auto-(([0-9A-HJKMNP-TV-Z]{10})[0-9A-HJKMNP-TV-Z]{16})(?:-attempt-\d+)?$/

const inMemory = "InMemoryDistributedTransactionStorage"
const onRedis = "RedisDistributedTransactionStorage"

/** Where workflows are kept, if that is one of Medusa's own engines. */
export const storageOfMedusa = <T extends object>() => storageOf<T>([inMemory, onRedis])
/** The same, if it is the one in memory. */
export const storageInMemory = <T extends object>() => storageOf<T>([inMemory])
/** The same, if it is the one on Redis. */
export const storageOnRedis = <T extends object>() => storageOf<T>([onRedis])

function storageOf<T extends object>(names: readonly string[]): T | undefined {
  const { keyValueStore } = DistributedTransaction as unknown as { keyValueStore?: T }
  return keyValueStore && names.includes(keyValueStore.constructor.name) ? keyValueStore : undefined
}

type Makes = Pick<Freshness, "hasMade">

/** @returns whether nobody but who asks can have saved anything under an id of a flow, or of a checkpoint */
export function isOnlyOurs(freshness: Makes): (id: string) => boolean {
  const isAlone = storageInMemory() !== undefined
  return (id) => isJustMade(id, Date.now()) && (isAlone || freshness.hasMade(madeUp.exec(id)![1]!))
}

/**
 * Spares Medusa the question. Another workflow engine than Medusa's two is left alone.
 * @returns false when it is not as expected, and nothing was changed
 */
export function spareCheckpoints(freshness: Makes): boolean {
  const keyValueStore = storageOfMedusa<Storage>()
  const orchestrator = TransactionOrchestrator.prototype as unknown as { beginTransaction?: Begin }
  const begin = orchestrator.beginTransaction
  if (!keyValueStore) return true
  if (typeof begin !== "function" || typeof keyValueStore.get !== "function") return false
  const { get, save } = keyValueStore
  const isOurs = isOnlyOurs(freshness)
  const saved = new LRUCache<string, true>({ max: mostSaved })
  let beginning: string | undefined
  /** What is being saved for the first time: its storage, too, asks whether there is one. */
  const first = new Set<string>()
  keyValueStore.get = function (key, ...rest) {
    const isNew = beginning !== undefined && key.endsWith(`:${beginning}`) && !saved.has(key)
    beginning = undefined
    return isNew || first.has(key) ? Promise.resolve(undefined) : get.call(this, key, ...rest)
  }
  keyValueStore.save = function (key, data, ...rest) {
    // One that goes on may be another process's.
    const isBeginning = data?.flow?.state === TransactionState.NOT_STARTED
    if (isBeginning && !saved.has(key) && isOurs(key)) first.add(key)
    saved.set(key, true)
    return save.call(this, key, data, ...rest).finally(() => first.delete(key))
  }
  orchestrator.beginTransaction = function (options) {
    beginning = isOurs(options.transactionId) ? options.transactionId : undefined
    try {
      return begin.call(this, options)
    } finally {
      beginning = undefined
    }
  }
  return true
}

/** Whether an id, or that of a checkpoint, was made up by this process within the last minute. */
export function isJustMade(transactionId: string, now: number): boolean {
  const time = madeUp.exec(transactionId)?.[2]
  if (time === undefined) return false
  const madeAt = [...time].reduce((sum, digit) => sum * digits.length + digits.indexOf(digit), 0)
  return madeAt <= now && madeAt > now - longestFlow && madeAt > performance.timeOrigin
}
