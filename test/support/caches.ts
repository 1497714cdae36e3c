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
  const cache = cacheOf({ redis: connect(server.url), ...options })
  await until("Redis joined", () => cache.stats().redis === "joined")
  return cache
}
