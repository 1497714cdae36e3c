/**
 * The seeds' `withCache`: a namespace and parameters instead of a key, seconds instead of milliseconds.
 *
 * The same parameters give the same key, in whatever order they were written. A trap that no cache can see:
 * a parameter that is different at every call (a time stamp, a random number) makes an entry at every call
 * that nobody will ask for again. Dates are refused for that reason; a number cannot be told from another.
 */
import type { Cache } from "./cache"
import { digestOf } from "./digest"
import { PegasusError } from "./errors"

export interface CacheIdentifier {
  namespace: string
  /** Plain data. */
  parameters: unknown
}

export interface WithCache {
  /**
   * @param timeToLive seconds
   * @param lockTimeout the longest to wait for the load of another process, in seconds. Default 30
   * @throws what `load` throws; PegasusError PEGASUS_PARAMETER_VOLATILE
   */
  <T>(
    identifier: CacheIdentifier,
    load: () => Promise<T>,
    timeToLive: number,
    lockTimeout?: number,
  ): Promise<T>
  /** Makes everything in the namespace unusable, in one step. */
  clearNamespace(namespace: string): Promise<void>
}

export function createWithCache(cache: Cache): WithCache {
  const withCache = <T>(
    { namespace, parameters }: CacheIdentifier,
    load: () => Promise<T>,
    timeToLive: number,
    lockTimeout = 30,
  ): Promise<T> =>
    cache.getOrSet({
      key: keyOf(namespace, parameters),
      load,
      ttl: timeToLive * 1_000,
      tags: [namespaceTag(namespace)],
      lockTimeout: lockTimeout * 1_000,
    })
  return Object.assign(withCache, {
    clearNamespace: (namespace: string) => cache.invalidate({ tags: [namespaceTag(namespace)] }),
  })
}

const namespaceTag = (namespace: string) => `namespace:${namespace}`

function keyOf(namespace: string, parameters: unknown): string {
  refuseDates(namespace, parameters)
  return `${namespace}:${digestOf(parameters)}`
}

function refuseDates(namespace: string, parameters: unknown): void {
  if (typeof parameters !== "object" || parameters === null) return
  if (parameters instanceof Date) {
    throw new PegasusError(
      "PEGASUS_PARAMETER_VOLATILE",
      `A parameter of "${namespace}" is a Date.`,
      "Round it to what the answer depends on and pass it as text.",
    )
  }
  for (const value of Object.values(parameters)) refuseDates(namespace, value)
}
