/**
 * One process of the experiment: it writes counters to the truth, invalidates, and reads through the cache.
 * The truth is a Redis of its own that no fault touches; it stands for the database.
 *
 * `broken` takes one guard out, so that the checker can be seen to catch it.
 */
import { setTimeout as sleep } from "node:timers/promises"
import Redis from "ioredis"
import { type Cache, connect, createCache } from "../../src/engine"
import { Ledger } from "../../src/engine/ledger"
import type { Happening } from "./history"
import { randomOf } from "./random"

export type Broken = "none" | "no fence" | "capture after load" | "lost message" | "evicted reads as zero"

export interface Orders {
  number: number
  seed: number
  truthUrl: string
  redisUrl: string
  trustWindow: number
  keys: number
  /** Milliseconds. */
  duration: number
  /** The share of writes among what it does. */
  writes: number
  broken: Broken
}

process.once("message", async (orders: Orders) => {
  const history = await act(orders)
  process.send!(history, () => process.exit(0))
})

async function act(orders: Orders): Promise<Happening[]> {
  const { number, seed, truthUrl, redisUrl, trustWindow, keys, duration, broken } = orders
  breakGuard(broken)
  const random = randomOf(seed * 1_000 + number)
  const truth = new Redis(truthUrl)
  const cache = createCache({
    prefix: "history",
    memory: { maxBytes: 10_000_000 },
    redis: connect(redisUrl),
    trustWindow,
  })
  const history: Happening[] = []
  const end = Date.now() + duration
  const workers = Array.from({ length: 6 }, async () => {
    while (Date.now() < end) {
      const key = `k${Math.floor(random() * keys)}`
      if (random() < orders.writes) await write(cache, truth, key, history)
      else await read(cache, truth, key, history, number, random, broken)
      await sleep(random() * 4)
    }
  })
  await Promise.all(workers)
  await cache.close()
  truth.disconnect()
  return history
}

async function write(cache: Cache, truth: Redis, key: string, history: Happening[]): Promise<void> {
  const counter = await truth.incr(key)
  await cache.invalidate({ tags: [key] })
  history.push({ kind: "write", key, counter, acknowledgedAt: Date.now() })
}

async function read(
  cache: Cache,
  truth: Redis,
  key: string,
  history: Happening[],
  process: number,
  random: () => number,
  broken: Broken,
): Promise<void> {
  const startedAt = Date.now()
  const load = async () => {
    const counter = Number((await truth.get(key)) ?? 0)
    // The longer between what was read and what is stored, the better the chance of an overtaken fill.
    if (random() < 0.3) await sleep(random() * 30)
    return counter
  }
  const options = { key, ttl: 60_000, tags: [key] }
  let counter: number
  if (broken === "capture after load" || broken === "no fence") {
    const found = await cache.get(key)
    counter = found.state === "fresh" ? (found.value as number) : await load()
    if (found.state === "miss") {
      const late = broken === "capture after load" ? await cache.get(`fence of ${key}`) : undefined
      const fence = late?.state === "miss" ? late.fence : undefined
      await cache.set({ ...options, value: counter, fence })
    }
  } else {
    counter = await cache.getOrSet({ ...options, load, lockTimeout: 200 })
  }
  history.push({ kind: "read", key, counter, startedAt, process })
}

function breakGuard(broken: Broken): void {
  if (broken === "lost message") {
    const apply = Ledger.prototype.apply
    let count = 0
    Ledger.prototype.apply = function (movement) {
      const isLost = ++count % 5 === 0
      return apply.call(this, isLost ? { ...movement, tags: [] } : movement)
    }
  }
  if (broken === "evicted reads as zero") {
    // Numbers of another epoch are compared as if they were of this one, in which nothing has moved yet.
    const holds = Ledger.prototype.holds
    Ledger.prototype.holds = function (fence, tags) {
      return holds.call(this, { ...fence, epoch: this.epoch }, tags)
    }
  }
}
