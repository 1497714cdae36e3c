/**
 * A tier: a place for entries. It judges nothing: whether an entry may be answered is the ledger's to say.
 *
 * Contract. What `get` gives back equals what was last set under the key, dates included, or is undefined:
 * an entry may vanish at any time, but never comes back older, mixed or under another key. `entries` gives each
 * entry that stays from beginning to end at least once.
 */
import type { Entry } from "../entry"

export interface Tier {
  get(key: string): Entry | undefined | Promise<Entry | undefined>
  /** @param life how long it may be kept, in milliseconds */
  set(entry: Entry, life: number): void | Promise<void>
  entries(): Iterable<Entry> | AsyncIterable<Entry>
}
