/**
 * How many rows an `update` changed is not known before it is answered. When MikroORM writes what was changed in its objects, it looks at that only of those
 * that have a version; Medusa's have none.
 *
 * The seam: `updateEntity` (@mikro-orm/core/unit-of-work/ChangeSetPersister.js:265, 6.6), which `persistManagedEntity` asks for one object.
 */
import { ChangeSetPersister } from "@medusajs/framework/mikro-orm/core"
import { Carried } from "../tracking"

interface Meta {
  versionProperty?: unknown
  concurrencyCheckKeys?: { size: number }
}

interface ChangeSet {
  entity: { __helper?: { __em?: { isInTransaction(): boolean } } }
}

type Update = (this: unknown, meta: Meta, changeSet: ChangeSet, ...rest: unknown[]) => Promise<unknown>

const flushing = new Carried<true>()

/** Whether nobody asks how many rows are changed by an `update` that is sent in this context. */
export const isFlushing = (): boolean => flushing.value === true

/** @returns false when it is not as expected, and nothing was changed */
export function tellFlushes(): boolean {
  const prototype = ChangeSetPersister?.prototype as unknown as { updateEntity?: Update } | undefined
  const update = prototype?.updateEntity
  if (!prototype || typeof update !== "function") return false
  prototype.updateEntity = function (meta, changeSet, ...rest) {
    const isCounted = meta.versionProperty !== undefined || meta.concurrencyCheckKeys?.size !== 0
    // Who flushes without a transaction may try again, and must not find his object written.
    const isOfTransaction = changeSet.entity.__helper?.__em?.isInTransaction() === true
    const run = () => update.call(this, meta, changeSet, ...rest)
    return isCounted || !isOfTransaction ? run() : flushing.run(true, run)
  }
  return true
}
