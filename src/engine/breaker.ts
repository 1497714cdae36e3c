/**
 * A wait with a budget, and a breaker behind it: a Redis that hangs costs those who are waiting for it one
 * budget, then nobody anything but one probe now and then, until it answers again.
 */
import type { Clock } from "./clock"

export type BreakerState = "closed" | "open"

export interface BreakerOptions {
  /** The longest a caller waits, in milliseconds. */
  budget: number
  /** How long it stays open before one call may try again, in milliseconds. */
  retryAfter: number
  clock: Clock
  onChange(state: BreakerState, cause: unknown): void
}

export class Breaker {
  private openedAt: number | undefined

  constructor(private readonly options: BreakerOptions) {}

  get state(): BreakerState {
    return this.openedAt === undefined ? "closed" : "open"
  }

  /** @returns what the call gave, or undefined when it failed, took too long or was not tried. */
  async run<T>(call: () => Promise<T>, budget = this.options.budget): Promise<T | undefined> {
    const { clock, retryAfter } = this.options
    if (this.openedAt !== undefined) {
      if (clock.now() - this.openedAt < retryAfter) return undefined
      this.openedAt = clock.now()
    }
    try {
      const value = await within(budget, call())
      this.close()
      return value
    } catch (cause) {
      this.open(cause)
      return undefined
    }
  }

  open(cause: unknown): void {
    const changed = this.openedAt === undefined
    this.openedAt = this.options.clock.now()
    if (changed) this.options.onChange("open", cause)
  }

  close(): void {
    if (this.openedAt === undefined) return
    this.openedAt = undefined
    this.options.onChange("closed", undefined)
  }
}

/**
 * The promise's outcome, or an error after `budget` milliseconds.
 * A busy event loop runs timers before it reads sockets; one more turn lets an answer that has already
 * arrived be read, so that our own slowness is not taken for Redis's.
 */
export function within<T>(budget: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => setImmediate(() => setImmediate(() => reject(new Error(`No answer within ${budget} ms`)))),
      budget,
    )
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
