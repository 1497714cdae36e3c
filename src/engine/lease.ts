/**
 * The right to load a key, among the processes that share a Redis.
 *
 * One key in Redis, set only when it is not there, with the holder's token and a time to live. Who does not
 * get it waits for the value, asking again at growing intervals, and for the lease itself: when the holder
 * failed it gave the lease back, when it died the lease expires, and one of those who wait is next. A dead
 * holder costs one lock timeout. A release checks the token, so a holder that was too slow cannot take away
 * its successor's lease. A lease only saves work: whether a value may be stored is the fence's to say.
 */
import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import type { RedisConnection } from "./connection"

export interface Lease {
  release(): Promise<void>
}

export interface Leases {
  /** @returns the lease, or undefined when another holds it. @throws what Redis throws */
  acquire(key: string, lockTimeout: number): Promise<Lease | undefined>
}

const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`

interface Scripted {
  pegasusRelease(key: string, token: string): Promise<number>
}

export function redisLeases(redis: RedisConnection, prefix: string): Leases {
  redis.defineCommand("pegasusRelease", { numberOfKeys: 1, lua: releaseScript })
  return {
    async acquire(key, lockTimeout) {
      const at = `${prefix}:lease:${key}`
      const token = randomBytes(8).toString("hex")
      const taken = await redis.set(at, token, "PX", Math.ceil(lockTimeout), "NX")
      if (taken === null) return undefined
      return {
        release: async () => {
          await (redis as RedisConnection & Scripted).pegasusRelease(at, token)
        },
      }
    },
  }
}

/** How long one who waits pauses before it asks again, in milliseconds. */
const shortestPause = 4
const longestPause = 50

/** Pauses that grow, until the deadline. */
export async function* pausesUntil(deadline: number, now: () => number): AsyncGenerator<void> {
  for (let pause = shortestPause; now() < deadline; pause = Math.min(pause * 1.5, longestPause)) {
    await sleep(Math.min(pause, deadline - now()))
    yield
  }
}
