/**
 * MikroORM has three storages of its own for what asynchronous work carries along: the transaction, the flush, and fragments of SQL. They share that of ours
 * (tracking/carried.ts).
 *
 * The seam: each is used in one class, by `run` and `getStore` alone (@mikro-orm/core/utils/TransactionContext.js:18, utils/RawQueryFragment.js:60,
 * unit-of-work/UnitOfWork.js:317, 6.6). To find them, each is made to run something that does nothing.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { RawQueryFragment, TransactionContext, UnitOfWork } from "@medusajs/framework/mikro-orm/core"
import { Carried } from "../tracking"

type Storage = AsyncLocalStorage<unknown>

/** How long what was under way when a store began may have a storage of its own, in milliseconds. */
const longestStart = 60_000
let areShared = false

/** @returns false when it is not as expected, and nothing was changed */
export function shareStorages(): boolean {
  if (!followsByHooks || areShared) return true
  const idle = { flushQueue: [], doCommit: async () => undefined, postCommitCleanup: () => undefined }
  const storages = [
    storageOf(() => TransactionContext.create({} as never, () => undefined)),
    storageOf(() => RawQueryFragment.run(async () => undefined)),
    storageOf(() => UnitOfWork.prototype.commit.call(idle as never)),
  ]
  if (storages.includes(undefined) || new Set(storages).size < storages.length) return false
  for (const storage of storages) share(storage!)
  areShared = true
  return true
}

/** From node 24 on nothing does, and a storage costs nothing. */
const followsByHooks = "_enable" in AsyncLocalStorage.prototype

function storageOf(act: () => unknown): Storage | undefined {
  const prototype = AsyncLocalStorage.prototype as Storage
  const { run } = prototype
  let found: Storage | undefined
  prototype.run = function (this: Storage, ...given: unknown[]) {
    found = this
    return Reflect.apply(run, this, given)
  }
  try {
    Promise.resolve(act()).catch(() => undefined)
  } finally {
    prototype.run = run
  }
  return found
}

function share(storage: Storage): void {
  const carried = new Carried<unknown>()
  const { getStore } = storage
  storage.getStore = () => carried.value ?? getStore.call(storage)
  storage.run = (value: unknown, act: (...given: never[]) => unknown, ...given: never[]) =>
    carried.run(value, () => act(...given)) as never
  setTimeout(() => storage.disable(), longestStart).unref()
}
