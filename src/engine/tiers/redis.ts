/** The Redis tier: one command a read, one a write, every key with a time to live. */
import type { Cluster, Redis } from "ioredis"
import type { RedisConnection } from "../connection"
import type { Entry } from "../entry"
import { decode, encode, type Head } from "../wire"
import type { Tier } from "./tier"

export interface RedisTier extends Tier {
  /** @param isWanted of no other entry the value is read */
  get(key: string, isWanted?: (head: Head) => boolean): Promise<Entry | undefined>
  set(entry: Entry, life: number): Promise<void>
  /** Every entry under the prefix. Scans: never on the path of a request. */
  entries(): AsyncIterable<Entry>
}

export function redisTier(redis: RedisConnection, prefix: string): RedisTier {
  const at = (key: string) => `${prefix}:entry:${key}`
  return {
    async get(key, isWanted) {
      const bytes = await redis.getBuffer(at(key))
      return bytes === null ? undefined : decode(key, bytes, isWanted)
    },
    async set(entry, life) {
      const bytes = await encode(entry)
      if (bytes) await redis.set(at(entry.key), bytes, "PX", Math.ceil(life))
    },
    async *entries() {
      for (const node of nodesOf(redis)) {
        for await (const keys of node.scanStream({ match: `${escaped(at(""))}*`, count: 500 })) {
          // One command a key: in a cluster no two keys need share a slot.
          const read = (keys as string[]).map((key) => this.get(key.slice(at("").length)))
          for (const entry of await Promise.all(read)) if (entry) yield entry
        }
      }
    },
  }
}

const nodesOf = (redis: RedisConnection): Redis[] =>
  redis.isCluster ? (redis as Cluster).nodes("master") : [redis as Redis]

/** A prefix may hold characters that a pattern would read. */
const escaped = (text: string) => text.replace(/[\\*?[\]]/g, "\\$&")
