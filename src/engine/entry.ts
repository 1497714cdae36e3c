import type { Fence, Ledger } from "./ledger"
import type { Plain } from "./plain"

/** A cached value with its metadata. Times are milliseconds since 1970. */
export interface Entry {
  readonly key: string
  readonly value: Plain
  /** Approximate size in memory. */
  readonly bytes: number
  readonly tags: readonly string[]
  /** What its load captured before it read. */
  readonly fence: Fence
  /** Fresh until then. */
  readonly expiresAt: number
  /** May be answered stale until then, when the caller allows it. */
  readonly staleUntil: number
  /** Its tags, the one of its own and the one of all: made when first asked for. */
  watched?: ReadonlySet<string>
  /** The ledger that last found it to hold, and that ledger's generation then: while both stand, it holds. */
  checkedBy?: Ledger
  checkedAt?: number
  /** Whether the value has been frozen, to be handed out as it is. */
  frozen?: boolean
}
