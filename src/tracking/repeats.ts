/**
 * Statements that are repeated within one request, and answered once until it writes to a table they read.
 *
 * What must hold: a request sees what it would have seen by asking again, but for what others commit while it runs. A write counts from
 * when it is issued, again when it is answered, and again at each commit, because it is seen from outside only then. What cannot
 * be told to be a write to one table alone counts as one to all.
 */

/** How many answers are remembered at once. */
const mostAnswers = 500

export class Repeats {
  private moves = 0
  private allMovedAt = 0
  private readonly movedAt = new Map<string, number>()
  /** Tables that were written to; undefined for all. */
  private readonly written = new Set<string | undefined>()
  private readonly answers = new Map<string, Answer>()

  /** The answer that is known and stands, or a new one. Rejects with what asking rejects with, and forgets it. */
  answer<T>(key: string, tables: readonly string[], ask: () => Promise<T>): Promise<T> {
    const known = this.answers.get(key)
    if (known && this.stands(known)) return known.value as Promise<T>
    if (this.answers.size >= mostAnswers) this.answers.clear()
    const value = ask()
    const made: Answer = { tables, began: this.moves, value }
    this.answers.set(key, made)
    value.catch(() => {
      if (this.answers.get(key) === made) this.answers.delete(key)
    })
    return value
  }

  /** A write was issued, or answered. @param table undefined: which tables it changes is not known */
  write(table: string | undefined): void {
    this.moves++
    this.written.add(table)
    this.move(table)
  }

  /** A transaction ended. */
  commit(): void {
    this.moves++
    for (const table of this.written) this.move(table)
  }

  /** Others may have written: this request has waited for a lock. */
  forget(): void {
    this.moves++
    this.move(undefined)
  }

  private move(table: string | undefined): void {
    if (table === undefined) this.allMovedAt = this.moves
    else this.movedAt.set(table, this.moves)
  }

  private stands({ tables, began }: Answer): boolean {
    return this.allMovedAt <= began && tables.every((table) => (this.movedAt.get(table) ?? 0) <= began)
  }
}

interface Answer {
  tables: readonly string[]
  began: number
  value: Promise<unknown>
}
