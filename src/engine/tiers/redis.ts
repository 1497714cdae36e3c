/** The Redis tier: one command a read, one a write, every key with a time to live. */
import type { Redis } from "ioredis"
import type { Entry } from "../entry"
import { decode, encode } from "../wire"

export interface RedisTier {
  get(key: string): Promise<Entry | undefined>
  set(key: string, entry: Entry, ttl: number): Promise<void>
  delete(key: string): Promise<void>
  /** Every entry under the prefix. Scans: never on the path of a request. */
  entries(): AsyncIterable<[key: string, entry: Entry]>
}

export function redisTier(redis: Redis, prefix: string): RedisTier {
  const at = (key: string) => `${prefix}:entry:${key}`
  return {
    async get(key) {
      const bytes = await redis.getBuffer(at(key))
      return bytes === null ? undefined : decode(bytes)
    },
    async set(key, entry, ttl) {
      await redis.set(at(key), encode(entry), "PX", Math.ceil(ttl))
    },
    async delete(key) {
      await redis.unlink(at(key))
    },
    async *entries() {
      for await (const keys of redis.scanStream({ match: `${escaped(at(""))}*`, count: 500 })) {
        if (keys.length === 0) continue
        const values = await redis.mgetBuffer(keys as string[])
        for (const [index, bytes] of values.entries()) {
          const entry = bytes === null ? undefined : decode(bytes)
          if (entry) yield [(keys as string[])[index]!.slice(at("").length), entry]
        }
      }
    },
  }
}

/** A prefix may hold characters that a pattern would read. */
const escaped = (text: string) => text.replace(/[\\*?[\]]/g, "\\$&")
