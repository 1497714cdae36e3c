/**
 * A connection that is free is given at once. Each statement outside of a transaction, and each transaction, takes a connection from a pool, which makes some twenty promises and
 * two timers for one that lies ready: a sixth of all promises of a shopper's requests. Here it takes what knex needs to look whether the connection is still good.
 *
 * The seam: `acquire` of the store's pool (tarn/dist/Pool.js:112, 3.1), for a connection that is free. All else is the pool's: making one, waiting for one, and
 * giving up one that is no good.
 */
import type { Database } from "./freshness"

/** A connection in the pool. */
interface Held {
  resource: object
}

interface Acquired {
  promise: Promise<object>
}

export interface Pool {
  destroyed: boolean
  free: Held[]
  used: Held[]
  emitter: { listenerCount(event: string): number }
  acquire(): Acquired
  /** Of knex: whether the connection is still good (knex/lib/client.js:350, 3.2). */
  validate(connection: object): unknown
  /** From now on the pool looks now and then for connections that nobody has used. */
  _startReaping(): void
}

/** Of knex: whether something happened to a connection, and until when it may be used (knex/lib/client.js:290-345, 3.2). */
interface Marked {
  __knex__disposed?: unknown
  __knexLifetimeLimit?: unknown
}

/** What the pool tells of when one is acquired that is free; Medusa listens to others (utils/dist/modules-sdk/create-pg-connection.js, 2.21.2). */
const ofAcquiring = ["acquireRequest", "acquireSuccess"]

const takers = new WeakMap<object, () => object | undefined>()

/** A connection for who asks something before anybody waits for it; undefined when one must be looked at first, or waited for. */
export const takeFree = (pool: object | undefined) => pool && takers.get(pool)?.()

/** @returns false when it is not as expected, and nothing was changed */
export function giveFreeAtOnce({ client }: Database): boolean {
  const pool = client.pool as Pool | undefined
  if (!isAsRead(pool)) return false
  // Who looks at connections himself may take as long as the pool allows; who is asked anew how to connect is asked once.
  if (client.config.pool?.validate || typeof client.config.connection === "function") return true
  const { acquire } = pool
  const give = async (held: Held) => {
    if (await isGood(pool, held)) {
      pool._startReaping()
      return held.resource
    }
    // The pool looks for itself, and gives it up.
    pool.used.splice(pool.used.indexOf(held), 1)
    pool.free.push(held)
    return acquire.call(pool).promise
  }
  const isLeftToPool = () =>
    pool.destroyed || ofAcquiring.some((event) => pool.emitter.listenerCount(event) > 0)
  pool.acquire = () => {
    if (pool.free.length === 0 || isLeftToPool()) return acquire.call(pool)
    return { promise: give(takeLast(pool)) }
  }
  takers.set(pool, () => {
    const { resource } = pool.free.at(-1) ?? {}
    if (!resource || isLeftToPool() || isMarked(resource)) return undefined
    takeLast(pool)
    pool._startReaping()
    return resource
  })
  return true
}

function takeLast({ free, used }: Pool): Held {
  const held = free.pop()!
  used.push(held)
  return held
}

const isMarked = ({ __knex__disposed, __knexLifetimeLimit }: Marked) =>
  Boolean(__knex__disposed) || __knexLifetimeLimit !== undefined

async function isGood(pool: Pool, { resource }: Held): Promise<boolean> {
  try {
    return Boolean(await pool.validate(resource))
  } catch {
    return false
  }
}

function isAsRead(pool: Pool | undefined): pool is Pool {
  const lists = [pool?.free, pool?.used]
  const functions = [pool?.acquire, pool?.validate, pool?._startReaping, pool?.emitter?.listenerCount]
  return (
    lists.every(Array.isArray) &&
    functions.every((one) => typeof one === "function") &&
    typeof pool?.destroyed === "boolean"
  )
}
