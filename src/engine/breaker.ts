/**
 * A wait with a budget, and a breaker behind it: a Redis that hangs costs those who are waiting for it their
 * budget, once, then nobody anything but one probe now and then, until it answers within a budget again. That no answer
 * came within one budget says nothing of a longer one: who would wait longer may still try.
 */
import type { Clock } from "./clock"

export type BreakerState = "closed" | "open"

export interface BreakerOptions {
  /** The longest a caller waits if it does not say, in milliseconds; what takes longer does not close the breaker. */
  budget: number
  /** How long it stays open before one call may try again, in milliseconds. */
  retryAfter: number
  clock: Clock
  onChange(state: BreakerState, cause: unknown): void
}

export class Breaker {
  private openedAt: number | undefined
  /** How long was waited in vain, in milliseconds; infinite when it failed otherwise. */
  private waited = 0

  constructor(private readonly options: BreakerOptions) {}

  get state(): BreakerState {
    return this.openedAt === undefined ? "closed" : "open"
  }

  /** Whether one who would wait so many milliseconds may try. */
  admits(budget: number): boolean {
    return this.openedAt === undefined || budget > this.waited || this.isDue(this.options.clock.now())
  }

  /** Whether it is open, and one may try again. */
  private isDue(now: number): boolean {
    return this.openedAt !== undefined && now - this.openedAt >= this.options.retryAfter
  }

  /** @returns what the call gave, or undefined when it failed, took too long or was not tried. */
  async run<T>(call: () => Promise<T>, budget = this.options.budget): Promise<T | undefined> {
    if (!this.admits(budget)) return undefined
    const { clock } = this.options
    const started = clock.now()
    if (this.isDue(started)) this.openedAt = started
    try {
      const value = await within(budget, call())
      // That it came within the budget is known, whatever our own clock says of a busy moment.
      this.answered(budget <= this.options.budget ? 0 : clock.now() - started)
      return value
    } catch (cause) {
      this.open(cause, cause instanceof NoAnswer ? budget : undefined)
      return undefined
    }
  }

  /** @param waited how long in vain, in milliseconds, if that is what is wrong */
  open(cause: unknown, waited = Number.POSITIVE_INFINITY): void {
    const changed = this.openedAt === undefined
    this.openedAt = this.options.clock.now()
    this.waited = changed ? waited : Math.max(waited, this.waited)
    if (changed) this.options.onChange("open", cause)
  }

  /** It did, after so many milliseconds. */
  answered(after: number): void {
    if (this.openedAt === undefined) return
    this.waited = Math.min(after, this.waited)
    if (after > this.options.budget) return
    this.openedAt = undefined
    this.options.onChange("closed", undefined)
  }
}

class NoAnswer extends Error {}

/**
 * The promise's outcome, or an error after `budget` milliseconds.
 * A busy event loop runs timers before it reads sockets; one more turn lets an answer that has already
 * arrived be read, so that our own slowness is not taken for Redis's.
 */
export function within<T>(budget: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => setImmediate(() => setImmediate(() => reject(new NoAnswer(`No answer within ${budget} ms`)))),
      budget,
    )
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
