/**
 * The memory tier: bounded by bytes, and not emptied by who asks for everything once. An entry is a newcomer until it is
 * found a second time; newcomers have a fifth of the room, and give way to each other. What proved itself and is displaced
 * is a newcomer again (segmented LRU: Karedla, Love, Wherry, "Caching Strategies to Improve Disk System Performance", 1994).
 */
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
/** What a tag costs beside its name: the string's head, its place in the list and in the set that is asked (entry.ts, `watched`). */
const overheadOfTag = 64

/** Of the room, how much is for newcomers. */
const shareOfNewcomers = 0.2

/** Where nobody says how much, in bytes. */
export const defaultMemory = 256 * 1024 * 1024

export function memoryTier(maxBytes: number): MemoryTier {
  const newcomers = new LRUCache<string, Entry>({
    maxSize: Math.ceil(maxBytes * shareOfNewcomers),
    sizeCalculation: sizeOf,
  })
  const proven = new LRUCache<string, Entry>({
    maxSize: Math.max(1, Math.floor(maxBytes * (1 - shareOfNewcomers))),
    sizeCalculation: sizeOf,
    dispose: (entry, key, reason) => {
      if (reason === "evict") newcomers.set(key, entry)
    },
  })
  return {
    get(key) {
      const found = proven.get(key)
      if (found) return found
      const newcomer = newcomers.get(key)
      if (newcomer) {
        newcomers.delete(key)
        proven.set(key, newcomer)
      }
      return newcomer
    },
    set(entry) {
      const { key } = entry
      if (proven.has(key) || sizeOf(entry) > newcomers.maxSize) proven.set(key, entry)
      else newcomers.set(key, entry)
    },
    delete(key) {
      newcomers.delete(key)
      proven.delete(key)
    },
    clear() {
      newcomers.clear()
      proven.clear()
    },
    *entries() {
      yield* proven.values()
      yield* newcomers.values()
    },
    get bytes() {
      return newcomers.calculatedSize + proven.calculatedSize
    },
    get count() {
      return newcomers.size + proven.size
    },
  }
}

function sizeOf(entry: Entry): number {
  let bytes = overhead + entry.bytes + entry.key.length
  for (const tag of entry.tags) bytes += overheadOfTag + tag.length
  return bytes
}
