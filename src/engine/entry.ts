import type { Fence } from "./ledger"
import type { Plain } from "./plain"

/** A cached value with its metadata. */
export interface Entry {
  readonly value: Plain
  /** Approximate size in memory. */
  readonly bytes: number
  readonly tags: readonly string[]
  /** What its load captured before it read. */
  readonly fence: Fence
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}
