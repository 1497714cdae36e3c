/**
 * Statements that are repeated within one request, and answered once until it writes to a table they read; and calls that are made of
 * nothing but such statements.
 *
 * What must hold: a request sees what it would have seen by asking again, but for what others commit while it runs. A write counts from
 * when it is issued, again when it is answered, and again at each commit, because it is seen from outside only then. What cannot
 * be told to be a write to one table alone counts as one to all.
 */

import { proofOf } from "./versions"

/** How many answers are remembered at once, and how many of them for the next request. */
const mostAnswers = 500
const mostPast = 40

/** What was asked by requests before: by key, the tables, what asks for the versions, and what was given with them. */
export type Past = ReadonlyMap<string, Remembered>

export interface Remembered {
  tables: readonly string[]
  proof: string
  given: Versions
}

interface Versions {
  versions?: string | undefined
}

/** Asks for versions: see `proofOf`. */
export type Prove = (proof: string) => Promise<readonly string[]>

/** What is read in the course of a call, as its statements tell. */
export class Reads {
  readonly tables = new Set<string>()
  /** By the statement that asks for them, the versions of the rows that were read. */
  readonly versions = new Map<string, string>()
  /** What kept things that were answered depend on, and when the first of them expires. */
  readonly tags = new Set<string>()
  expiresAt = Number.POSITIVE_INFINITY
  /** Whether it may be remembered until one of the tables is written to. */
  isKnown = true
  /** Whether what was not kept can be proven by the versions. */
  isProvable = true

  constructor(private readonly around: Reads | undefined) {}

  /**
   * A statement was answered.
   * @param tables undefined when it must always be asked
   * @param proof the versions of its rows, and the statement that asks for them
   */
  asked(tables: readonly string[] | undefined, proof?: { sql: string; versions: string }): void {
    if (!tables) this.isKnown = false
    for (const table of tables ?? []) this.tables.add(table)
    this.prove(proof)
    this.around?.asked(tables, proof)
  }

  /** Something was answered that is kept. */
  recalled({ tags, expiresAt }: { tags: readonly string[]; expiresAt: number }): void {
    this.isKnown = false
    for (const tag of tags) this.tags.add(tag)
    this.expiresAt = Math.min(this.expiresAt, expiresAt)
    this.around?.recalled({ tags, expiresAt })
  }

  /** A call was answered from what it gave before. */
  include(call: Reads): void {
    for (const table of call.tables) this.tables.add(table)
    for (const [sql, versions] of call.versions) this.prove({ sql, versions })
    this.isProvable &&= call.isProvable
    this.around?.include(call)
  }

  private prove(proof: { sql: string; versions: string } | undefined): void {
    if (!proof || (this.versions.get(proof.sql) ?? proof.versions) !== proof.versions) this.isProvable = false
    else this.versions.set(proof.sql, proof.versions)
  }
}

export class Repeats {
  private moves = 0
  private allMovedAt = 0
  private readonly movedAt = new Map<string, number>()
  /** Tables that were written to; undefined for all. */
  private readonly written = new Set<string | undefined>()
  private readonly answers = new Map<string, Answer>()
  private readonly calls = new Map<string, Made>()

  /** When what was asked by requests before was proven last, and the proof. */
  private recalledAt = -1
  private recalled: Promise<void> = Promise.resolve()

  constructor(private readonly past: Past = new Map()) {}

  /**
   * The answer that is known and stands, one of requests before that is proven to stand, or a new one. Rejects with what asking rejects
   * with, and forgets it.
   */
  async answer<T extends Versions>(
    key: string,
    { tables, proof }: Pick<Answer, "tables" | "proof">,
    ask: () => Promise<T>,
    prove: Prove,
  ): Promise<T> {
    const known = this.standing<T>(key)
    if (known) return known
    if (this.past.has(key)) {
      await this.recall(prove)
      const proven = this.standing<T>(key)
      if (proven) return proven
    }
    if (this.answers.size >= mostAnswers) this.answers.clear()
    const value = ask()
    const made: Answer = { tables, proof, began: this.moves, value }
    this.answers.set(key, made)
    value.then(
      (given) => {
        made.given = given
      },
      () => {
        if (this.answers.get(key) === made) this.answers.delete(key)
      },
    )
    return value
  }

  /** For the next request that is about the same. */
  remembered(): Past {
    const isUntouched = ({ tables }: Remembered) => !tables.some((table) => this.movedAt.has(table))
    const older = [...this.past].filter(([key, one]) => !this.answers.has(key) && isUntouched(one))
    const own = [...this.answers].flatMap(([key, one]): [string, Remembered][] => {
      const { tables, proof, given } = one
      return proof !== undefined && given !== undefined && this.stands(one)
        ? [[key, { tables, proof, given }]]
        : []
    })
    return new Map([...older, ...own].slice(-mostPast))
  }

  /** Asks once whether what was asked by requests before still stands; again when this one has waited for a lock. */
  private recall(prove: Prove): Promise<void> {
    if (this.recalledAt >= this.allMovedAt) return this.recalled
    const began = this.moves
    this.recalledAt = began
    const past = [...this.past]
    const seed = (versions: readonly string[]) => {
      for (const [index, [key, { tables, proof, given }]] of past.entries()) {
        const isSame = given.versions !== undefined && versions[index] === given.versions
        if (!isSame || this.standing(key)) continue
        this.answers.set(key, { tables, proof, given, began, value: Promise.resolve(given) })
      }
    }
    this.recalled = prove(proofOf(past.map(([, { proof }]) => proof))).then(seed, () => undefined)
    return this.recalled
  }

  private standing<T>(key: string): Promise<T> | undefined {
    const known = this.answers.get(key)
    return known && this.stands(known) ? (known.value as Promise<T>) : undefined
  }

  /**
   * What the same call gave before, if that stands, or what it gives now. Everybody gets an answer of his own.
   * @param reads where `make` notes what it reads
   * @param make rejects with what the call rejects with, which is not remembered
   * @param copy undefined for what cannot be remembered
   */
  async call<T>(
    key: string,
    { reads, around }: { reads: Reads; around: Reads | undefined },
    make: () => Promise<T>,
    copy: (value: T) => T | undefined,
  ): Promise<T> {
    const before = this.calls.get(key)
    if (before) {
      const value = (await before.value) as T | undefined
      if (value !== undefined && this.stands({ tables: [...before.reads.tables], began: before.began })) {
        around?.include(before.reads)
        return copy(value)!
      }
    }
    if (this.calls.size >= mostAnswers) this.calls.clear()
    const began = this.moves
    const made = make()
    const value = made
      .then((given) => (reads.isKnown && reads.tables.size > 0 ? copy(given) : undefined))
      .catch(() => undefined)
    this.calls.set(key, { reads, began, value })
    return made
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

  private stands({ tables, began }: Pick<Answer, "tables" | "began">): boolean {
    return this.allMovedAt <= began && tables.every((table) => (this.movedAt.get(table) ?? 0) <= began)
  }
}

interface Answer {
  tables: readonly string[]
  proof: string | undefined
  began: number
  value: Promise<Versions>
  /** When it was given. */
  given?: Versions
}

interface Made {
  reads: Reads
  began: number
  /** Undefined when it is not to be remembered. */
  value: Promise<unknown>
}
