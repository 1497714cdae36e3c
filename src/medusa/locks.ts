/**
 * Who waited for a lock reads what the one before him wrote: what a request has read before it got a lock is asked again. But not when nobody held that lock since the request
 * began: then nobody can have written under it. That can be told of Medusa's locks in memory, which are this process's; of all others it cannot.
 *
 * The seam: the methods of the locking module, and `locks` of its provider in memory (locking/dist/providers/in-memory.js:9, 2.21.2), which takes a lock that is
 * free in the turn in which it is asked for.
 */
import { moment } from "../tracking"
import type { Freshness } from "./freshness"

type Keys = string | string[]

interface Args {
  provider?: string
}

export interface Locking {
  acquire(keys: Keys, args?: Args, ...rest: unknown[]): Promise<unknown>
  execute(keys: Keys, job: () => unknown, args?: Args, ...rest: unknown[]): Promise<unknown>
  release?(keys: Keys, ...rest: unknown[]): Promise<unknown>
  releaseAll?(...rest: unknown[]): Promise<unknown>
  defaultProviderId?: string
  providerService_?: { retrieveProviderRegistration(id: string | undefined): Provider }
}

interface Provider {
  locks?: unknown
  constructor: { identifier?: unknown }
}

/** How many locks are remembered that were released. */
const mostReleased = 10_000

export function forgetWhenLocked(locking: Locking, freshness: Pick<Freshness, "forgetRepeats">): void {
  const { acquire, execute, release, releaseAll } = locking
  const isTold = typeof release === "function" && typeof releaseAll === "function"
  /** When each was released last; when any that is not in it may have been. */
  const released = new Map<string, number>()
  let others = 0
  const note = (keys: readonly string[]) => {
    if (released.size + keys.length > mostReleased) noteAll()
    for (const key of keys) released.set(key, moment())
  }
  const noteAll = () => {
    released.clear()
    others = moment()
  }
  /** Since when nobody holds them; undefined when somebody does, or that cannot be told. */
  const freeSince = (keys: readonly string[], args: Args | undefined) => {
    const locks = isTold ? locksOf(locking, args) : undefined
    if (!locks || keys.some((key) => locks.has(key))) return undefined
    return Math.max(...keys.map((key) => released.get(key) ?? others))
  }
  locking.acquire = async function (keys, args, ...rest) {
    const since = freeSince([keys].flat(), args)
    const acquired = await acquire.call(this, keys, args, ...rest)
    freshness.forgetRepeats(since)
    return acquired
  }
  locking.execute = function (keys, job, args, ...rest) {
    const since = freeSince([keys].flat(), args)
    const forgetful = async () => {
      freshness.forgetRepeats(since)
      try {
        return await job()
      } finally {
        // Before the next one gets it.
        note([keys].flat())
      }
    }
    return execute.call(this, keys, forgetful, args, ...rest)
  }
  if (!isTold) return
  locking.release = function (keys, ...rest) {
    note([keys].flat())
    return release.call(this, keys, ...rest)
  }
  locking.releaseAll = function (...given) {
    noteAll()
    return releaseAll.apply(this, given)
  }
}

/** Those of this process, by key; undefined for those of others. */
function locksOf(
  { providerService_, defaultProviderId }: Locking,
  args: Args | undefined,
): ReadonlyMap<string, unknown> | undefined {
  try {
    const provider = providerService_?.retrieveProviderRegistration(args?.provider ?? defaultProviderId)
    const isInMemory = provider?.constructor.identifier === "in-memory" && provider.locks instanceof Map
    return isInMemory ? (provider.locks as ReadonlyMap<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
