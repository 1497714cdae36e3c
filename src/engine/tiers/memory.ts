/** The memory tier: bounded by bytes, the least recently used goes first. */
import { LRUCache } from "lru-cache"
import type { Entry } from "../entry"

export interface MemoryTier {
  get(key: string): Entry | undefined
  set(key: string, entry: Entry): void
  delete(key: string): void
  clear(): void
  entries(): Iterable<[key: string, entry: Entry]>
  readonly bytes: number
  readonly count: number
}

/** What an entry costs beside its value: keys, map slots, the entry itself. */
const overhead = 256

export function memoryTier(maxBytes: number): MemoryTier {
  const entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: (entry, key) => {
      let bytes = overhead + entry.bytes + key.length
      for (const tag of entry.tags) bytes += 16 + tag.length
      return bytes
    },
  })
  return {
    get: (key) => entries.get(key),
    set: (key, entry) => void entries.set(key, entry),
    delete: (key) => void entries.delete(key),
    clear: () => entries.clear(),
    entries: () => entries.entries(),
    get bytes() {
      return entries.calculatedSize
    },
    get count() {
      return entries.size
    },
  }
}
