/** The memory tier: bounded by bytes, the least recently used goes first. */
import { LRUCache } from "lru-cache"
import type { Entry } from "../entry"
import type { Tier } from "./tier"

export interface MemoryTier extends Tier {
  get(key: string): Entry | undefined
  set(entry: Entry): void
  delete(key: string): void
  clear(): void
  entries(): Iterable<Entry>
  readonly bytes: number
  readonly count: number
}

/** What an entry costs beside its value: keys, map slots, the entry itself. */
const overhead = 256

export function memoryTier(maxBytes: number): MemoryTier {
  const entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: (entry) => {
      let bytes = overhead + entry.bytes + entry.key.length
      for (const tag of entry.tags) bytes += 16 + tag.length
      return bytes
    },
  })
  return {
    get: (key) => entries.get(key),
    set: (entry) => void entries.set(entry.key, entry),
    delete: (key) => void entries.delete(key),
    clear: () => entries.clear(),
    entries: () => entries.values(),
    get bytes() {
      return entries.calculatedSize
    },
    get count() {
      return entries.size
    },
  }
}
