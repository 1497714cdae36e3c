/** The Redis tier: one command a read, one a write, every key with a time to live. */
import type { Redis } from "ioredis"
import type { Entry } from "../entry"
import { decode, encode } from "../wire"

export interface RedisTier {
  get(key: string): Promise<Entry | undefined>
  /** @param life milliseconds */
  set(entry: Entry, life: number): Promise<void>
  /** Every entry under the prefix. Scans: never on the path of a request. */
  entries(): AsyncIterable<Entry>
}

export function redisTier(redis: Redis, prefix: string): RedisTier {
  const at = (key: string) => `${prefix}:entry:${key}`
  return {
    async get(key) {
      const bytes = await redis.getBuffer(at(key))
      return bytes === null ? undefined : decode(key, bytes)
    },
    async set(entry, life) {
      await redis.set(at(entry.key), await encode(entry), "PX", Math.ceil(life))
    },
    async *entries() {
      for await (const keys of redis.scanStream({ match: `${escaped(at(""))}*`, count: 500 })) {
        if (keys.length === 0) continue
        const values = await redis.mgetBuffer(keys as string[])
        for (const [index, bytes] of values.entries()) {
          const key = (keys as string[])[index]!.slice(at("").length)
          const entry = bytes === null ? undefined : await decode(key, bytes)
          if (entry) yield entry
        }
      }
    },
  }
}

/** A prefix may hold characters that a pattern would read. */
const escaped = (text: string) => text.replace(/[\\*?[\]]/g, "\\$&")
