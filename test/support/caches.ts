/** Caches for a test file: made on demand, closed after each test. */
import { afterEach } from "node:test"
import { type Cache, type CacheOptions, connect, createCache } from "../../src/engine"
import { until } from "./until"

export const memory = { maxBytes: 10_000_000 }
const open: Cache[] = []

afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close()
})

export function cacheOf(options: Partial<CacheOptions> = {}): Cache {
  const cache = createCache({ prefix: "test", memory, ...options })
  open.push(cache)
  return cache
}

/** A cache that has joined the Redis of this server. */
export async function joined(server: { url: string }, options: Partial<CacheOptions> = {}): Promise<Cache> {
  return untilJoined(cacheOf({ redis: connect(server.url), ...options }))
}

/** The same for a contract, which closes what it was given. @param maxBytes of its memory */
export async function contractCache(url: string, maxBytes = memory.maxBytes): Promise<Cache> {
  return untilJoined(createCache({ prefix: "contract", memory: { maxBytes }, redis: connect(url) }))
}

async function untilJoined(cache: Cache): Promise<Cache> {
  await until("Redis joined", () => cache.stats().redis === "joined")
  return cache
}

/** The value of a key; undefined when there is none that is fresh. */
export async function read(cache: Cache, key: string): Promise<unknown> {
  const found = await cache.get(key)
  return found.state === "fresh" ? found.value : undefined
}
