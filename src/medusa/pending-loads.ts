/**
 * Medusa asks `get`, loads on a miss, and offers the result with `set`: two calls that do not know each
 * other. Here the lead of the miss waits for its `set`.
 *
 * When several loads of one key are under way, a `set` may be that of any of them. Each gets the fence of the
 * oldest, and the oldest is kept until all have ended: that can only refuse too much. A load that failed never
 * ends; after a minute it is taken for failed and no longer counts. The `set` of a load that took longer has
 * no lead any more, and is refused.
 */
import { type Clock, type Fence, type Lead, systemClock } from "../engine"

const longestLoad = 60_000

export class PendingLoads {
  private readonly leads = new Map<string, Lead[]>()

  constructor(private readonly clock: Clock = systemClock) {}

  began(key: string, lead: Lead): void {
    const waiting = this.leads.get(key) ?? []
    waiting.push(lead)
    this.leads.delete(key)
    this.leads.set(key, waiting)
    this.giveUp()
  }

  /** @returns the lead of the load this `set` may belong to; undefined when no load is under way */
  ended(key: string): Lead | undefined {
    this.dropOld(key)
    const waiting = this.leads.get(key)
    if (!waiting) return undefined
    const fence: Fence = waiting[0]!.fence
    const { done } = waiting.pop()!
    if (waiting.length === 0) this.leads.delete(key)
    return { fence, done }
  }

  /** Keys are in the order of their newest load, so those without a young one stand at the front. */
  private giveUp(): void {
    for (const key of this.leads.keys()) {
      this.dropOld(key)
      if (this.leads.has(key)) return
    }
  }

  private dropOld(key: string): void {
    const waiting = this.leads.get(key)
    const oldest = this.clock.now() - longestLoad
    while (waiting?.[0] && waiting[0].fence.at <= oldest) waiting.shift()!.done()
    if (waiting?.length === 0) this.leads.delete(key)
  }
}
