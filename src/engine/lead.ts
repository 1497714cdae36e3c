/**
 * The right to load a key, among the callers of `lead` in this process. The first to miss has it; who comes
 * after waits until the first is done, or until the lock timeout has passed since the first began: a caller
 * that failed never says so.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Clock } from "./clock"
import type { Entry } from "./entry"

interface UnderWay {
  began: number
  ended: Promise<void>
}

type Taken = { found: Entry } | { done(): void }

/** Waits for the end, at most so many milliseconds. */
async function endedOr(milliseconds: number, ended: Promise<void>): Promise<void> {
  const waiting = new AbortController()
  const pause = sleep(milliseconds, undefined, { signal: waiting.signal }).catch(() => undefined)
  await Promise.race([ended, pause])
  waiting.abort()
}

export class Leads {
  private readonly underWay = new Map<string, UnderWay>()

  constructor(private readonly clock: Clock) {}

  /**
   * @param find looks everywhere
   * @param peek looks where it need not wait: the value may have come while `find` was looking elsewhere
   */
  async take(
    key: string,
    lockTimeout: number,
    find: () => Promise<Entry | undefined>,
    peek: () => Entry | undefined,
  ): Promise<Taken> {
    for (;;) {
      const found = (await find()) ?? peek()
      if (found) return { found }
      const other = this.underWay.get(key)
      const left = other ? other.began + lockTimeout - this.clock.now() : 0
      if (!other || left <= 0) return { done: this.begin(key) }
      await endedOr(left, other.ended)
    }
  }

  private begin(key: string): () => void {
    let end: () => void = () => undefined
    const mine: UnderWay = {
      began: this.clock.now(),
      ended: new Promise((resolve) => {
        end = resolve
      }),
    }
    this.underWay.set(key, mine)
    return () => {
      if (this.underWay.get(key) === mine) this.underWay.delete(key)
      end()
    }
  }
}
