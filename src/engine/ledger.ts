/**
 * The ledger: which tags moved, and when. It decides whether a value may still be answered.
 *
 * Time here is a sequence number, not a clock: every invalidation takes the next one. A load captures
 * the number *before* it reads (its fence). The value may be answered as long as none of its tags moved
 * after its fence. So a fill that was in flight while its data changed carries a fence older than the
 * change, and is refused wherever and whenever it turns up: there is nothing to race against.
 *
 * What must hold:
 * - `seq` is never ahead of what has been applied, so a fence is never newer than what its load could see.
 * - A tag that is not known to have moved has not moved since `floor`; what was captured before `floor`
 *   is unknown, and unknown means gone.
 * - Numbers of different epochs are not compared: another epoch means gone. A Redis that lost its
 *   memory starts another epoch, so an evicted or flushed version is never read as zero.
 * - A tag is pending from the moment its invalidation begins until its number is known; nothing that
 *   carries it is answered or stored meanwhile.
 * - Tags of some kinds move on demand: of them nothing is known from before the first demand of the epoch. What carries such tags carries the
 *   kind's demand, too, and what was captured before it moved is gone.
 */

export const demandPrefix = "pegasus:on-demand:"

/** The tag that is carried by what carries tags of this kind, which move on demand. */
export const demandOf = (kind: string) => `${demandPrefix}${kind}`
export const demandOfAll = demandOf("*")

const isDemand = (tag: string) => tag.startsWith(demandPrefix)

export interface Fence {
  readonly epoch: string
  readonly seq: number
  /** When it was captured: milliseconds since 1970. */
  readonly at: number
}

export interface Movement {
  epoch: string
  seq: number
  floor: number
  tags: string[]
}

/** How many touched tags it remembers at least. */
const journalLength = 4_096

export class Ledger {
  epoch: string
  seq: number
  private floor = 0
  private readonly moved = new Map<string, number>()
  private readonly pending = new Map<string, number>()
  /** The number at which each was made first. */
  private readonly demands = new Map<string, number>()
  /** To be told of each. */
  onDemand: ((demand: string) => void) | undefined
  /** Rises whenever a value that held may hold no more: what held at this generation still does. */
  generation = 0
  /** The tags that raised the generation, one by one from `journalFrom` on. */
  private journal: string[] = []
  private journalFrom = 0

  constructor(epoch: string, seq = 1) {
    this.epoch = epoch
    this.seq = seq
  }

  capture(at: number): Fence {
    return { epoch: this.epoch, seq: this.seq, at }
  }

  /** May a value with this fence and these tags be answered? */
  holds(fence: Fence, tags: Iterable<string>): boolean {
    if (fence.epoch !== this.epoch || fence.seq < this.floor) return false
    for (const tag of tags) if (this.movedSince(fence, tag)) return false
    return true
  }

  /** The same for a value that held at an earlier generation: looks only at what was touched since. */
  stillHolds(generation: number, fence: Fence, tags: ReadonlySet<string>): boolean {
    if (generation < this.journalFrom) return this.holds(fence, tags)
    for (let index = generation - this.journalFrom; index < this.journal.length; index++) {
      const tag = this.journal[index]!
      if (tags.has(tag) && this.movedSince(fence, tag)) return false
    }
    return true
  }

  private movedSince(fence: Fence, tag: string): boolean {
    const at = isDemand(tag) ? this.demandedAt(tag) : (this.moved.get(tag) ?? 0)
    return at > fence.seq || this.pending.has(tag)
  }

  /** These tags are about to move. @returns to be called once, when their number is known or given up. */
  begin(tags: readonly string[]): () => void {
    for (const tag of tags) {
      this.pending.set(tag, (this.pending.get(tag) ?? 0) + 1)
      this.touch(tag)
    }
    return () => {
      for (const tag of tags) {
        const count = this.pending.get(tag)! - 1
        if (count === 0) this.pending.delete(tag)
        else this.pending.set(tag, count)
      }
    }
  }

  /** These tags moved at this number; the numbers before it may still be on their way. */
  mark(seq: number, tags: Iterable<string>): void {
    for (const tag of tags) {
      if (isDemand(tag)) {
        this.demand(tag, seq)
      } else if ((this.moved.get(tag) ?? 0) < seq) {
        this.moved.set(tag, seq)
        this.touch(tag)
      }
    }
  }

  private touch(tag: string): void {
    this.journal.push(tag)
    this.generation++
    if (this.journal.length <= 2 * journalLength) return
    this.journal = this.journal.slice(-journalLength)
    this.journalFrom = this.generation - journalLength
  }

  /** Everything may hold no more. */
  private touchAll(): void {
    this.generation++
    this.journal = []
    this.journalFrom = this.generation
  }

  /** The next movement of this epoch. @returns false when movements before it are missing. */
  apply(movement: Movement): boolean {
    if (movement.epoch !== this.epoch) return false
    if (movement.seq <= this.seq) return true
    if (movement.seq !== this.seq + 1) return false
    this.mark(movement.seq, movement.tags)
    this.seq = movement.seq
    this.raiseFloor(movement.floor)
    return true
  }

  /** Everything that moved up to `seq`, read from the shared log: fills a gap, or starts another epoch. */
  load(
    { epoch, seq, floor }: Omit<Movement, "tags">,
    moves: Iterable<[tag: string, seq: number]>,
    demands: Iterable<[demand: string, seq: number]>,
  ): void {
    if (epoch !== this.epoch) {
      this.moved.clear()
      this.demands.clear()
      this.touchAll()
      this.epoch = epoch
      this.floor = 0
      this.seq = 0
    }
    for (const [demand, at] of demands) this.demand(demand, at)
    for (const [tag, at] of moves) this.mark(at, [tag])
    if (seq > this.seq) this.seq = seq
    this.raiseFloor(floor)
  }

  /** Forget what moved at or before `floor`, and with it every value captured before. */
  raiseFloor(floor: number): void {
    if (floor <= this.floor) return
    this.floor = floor
    for (const [tag, seq] of this.moved) if (seq <= floor) this.moved.delete(tag)
    this.touchAll()
  }

  isDemanded(demand: string): boolean {
    return Number.isFinite(this.demandedAt(demand))
  }

  private demandedAt(demand: string): number {
    return this.demands.get(demand) ?? this.demands.get(demandOfAll) ?? Number.POSITIVE_INFINITY
  }

  /** The first is enough, and nothing that held before holds no more. */
  private demand(demand: string, seq: number): void {
    if (this.demands.has(demand)) return
    this.demands.set(demand, seq)
    this.onDemand?.(demand)
  }

  /** How many kinds of tags that move on demand are demanded. */
  get demanded(): number {
    return this.demands.size
  }

  /** How many tags it remembers. */
  get size(): number {
    return this.moved.size
  }
}
