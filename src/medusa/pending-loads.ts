/**
 * Medusa asks `get`, loads on a miss, and offers the result with `set`: two calls that do not know each
 * other. Here the fence of the miss waits for its `set`.
 *
 * When several loads of one key are under way, a `set` may be that of any of them; the oldest fence is
 * taken, which can only refuse too much. A load that failed leaves its fence behind, and the next `set`
 * takes it: the same, once. Fences are dropped after ten minutes; a load that old has lost its caller.
 */
import { type Clock, type Fence, systemClock } from "../engine"

const longestLoad = 600_000
/** More concurrent loads of one key than this share the fences of the oldest. */
const mostPerKey = 16

export class PendingLoads {
  private readonly fences = new Map<string, Fence[]>()

  constructor(private readonly clock: Clock = systemClock) {}

  began(key: string, fence: Fence): void {
    const waiting = this.fences.get(key) ?? []
    if (waiting.length < mostPerKey) waiting.push(fence)
    this.fences.delete(key)
    this.fences.set(key, waiting)
    this.dropOld()
  }

  /** @returns the fence of the load this `set` may belong to; undefined when no load is under way */
  ended(key: string): Fence | undefined {
    const waiting = this.fences.get(key)
    const fence = waiting?.shift()
    if (waiting?.length === 0) this.fences.delete(key)
    return fence
  }

  /** Keys are in the order of their newest load, so the old ones stand at the front. */
  private dropOld(): void {
    const oldest = this.clock.now() - longestLoad
    for (const [key, waiting] of this.fences) {
      if (waiting[waiting.length - 1]!.at > oldest) return
      this.fences.delete(key)
    }
  }
}
