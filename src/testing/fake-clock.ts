import type { Clock } from "../engine"

/** A clock that only moves when it is told to. */
export class FakeClock implements Clock {
  /** @param time where it begins, in milliseconds since 1970 */
  constructor(private time = 1_800_000_000_000) {}

  now(): number {
    return this.time
  }

  /** @param milliseconds how far to move on */
  advance(milliseconds: number): void {
    this.time += milliseconds
  }
}
