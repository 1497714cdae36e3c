/**
 * What a request writes, and when: what it has read of these tables must be asked again.
 *
 * A write counts from when it is issued, again when it is answered, and again when its transaction is committed, because it is seen from outside only then. What cannot
 * be told to be a write to one table alone counts as one to all.
 */

/** What happens in this process, in its order; a clock may be set back. */
let moments = 0
export const moment = (): number => ++moments

/** How long what was read may be given again, though nothing moved: who looks again and again waits for what others do. Milliseconds. */
export const longestStanding = 1_000

export class Moves {
  private readonly began = moment()
  private moves = 0
  private allMovedAt = 0
  private readonly movedAt = new Map<string, number>()
  /** Tables that were written to on a connection since its transaction began; undefined for all. */
  private readonly written = new WeakMap<object, Set<string | undefined>>()
  /** Ids that this request made up since it last committed something, and when. */
  private readonly madeAt = new Map<unknown, number>()
  /** All that this request made up. */
  private readonly ownIds = new Set<string>()

  /** How many there were so far: what is asked now is of what they have written. */
  get count(): number {
    return this.moves
  }

  /** @param table undefined: which tables it changes is not known @param on the connection */
  write(table: string | undefined, on: object): void {
    this.moves++
    this.written.set(on, (this.written.get(on) ?? new Set()).add(table))
    this.move(table)
  }

  /** A transaction begins. */
  begin(on: object): void {
    this.written.delete(on)
  }

  /** @returns whether something was written on a connection since its transaction began */
  hasWritten(on: object): boolean {
    return this.written.has(on)
  }

  /** A transaction ends, or has ended: what was written in it is seen from outside. @returns as much as was written; see `write` */
  commit(on: object): ReadonlySet<string | undefined> | undefined {
    const written = this.written.get(on)
    if (!written) return undefined
    this.moves++
    for (const table of written) this.move(table)
    return written
  }

  /** Others may have written. @param until the moment at which the last of them may have @returns whether that was since the request began */
  forget(until: number): boolean {
    if (until < this.began) return false
    this.moves++
    this.move(undefined)
    return true
  }

  /** This id was made up for something that is yet to be written. */
  made(id: string): void {
    this.madeAt.set(id, this.moves)
    this.ownIds.add(id)
  }

  /** What was made up is committed: others may refer to it from now on. */
  show(): void {
    this.madeAt.clear()
  }

  /** Whether this request made up an id. */
  hasMade(id: string): boolean {
    return this.ownIds.has(id)
  }

  /** Whether this request has made up an id, and written nothing to the table since. */
  isNew(id: unknown, table: string): boolean {
    const at = this.madeAt.get(id)
    return at !== undefined && this.isUnmoved([table], at)
  }

  /** Whether it is known to have written to a table. */
  hasMoved(table: string): boolean {
    return this.movedAt.has(table)
  }

  /**
   * Whether what is read of these tables cannot have become another by this request, or while it waited for a lock.
   * @param began since when; default since the request began
   */
  isUnmoved(tables: readonly string[], began = 0): boolean {
    return this.allMovedAt <= began && tables.every((table) => (this.movedAt.get(table) ?? 0) <= began)
  }

  private move(table: string | undefined): void {
    if (table === undefined) this.allMovedAt = this.moves
    else this.movedAt.set(table, this.moves)
  }
}
