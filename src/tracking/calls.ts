/** Calls of a request that are made of nothing but statements that may be repeated: the same is made once, until the request writes to a table that it read, and for a second. */
import { longestStanding, type Moves } from "./moves"

/** How many are remembered at once. */
const mostCalls = 500

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

export class Calls {
  private readonly made = new Map<string, Made>()

  constructor(private readonly moves: Moves) {}

  /**
   * What the same call gave before, if that stands, or what it gives now. Everybody gets an answer of his own.
   * @param reads where `make` notes what it reads
   * @param make rejects with what the call rejects with, which is not remembered
   * @param copy undefined for what cannot be remembered
   */
  async once<T>(
    key: string,
    { reads, around }: { reads: Reads; around: Reads | undefined },
    make: () => Promise<T>,
    copy: (value: T) => T | undefined,
  ): Promise<T> {
    const before = this.made.get(key)
    if (before && Date.now() - before.at <= longestStanding) {
      const value = (await before.value) as T | undefined
      if (value !== undefined && this.moves.isUnmoved([...before.reads.tables], before.began)) {
        around?.include(before.reads)
        return copy(value)!
      }
    }
    if (this.made.size >= mostCalls) this.made.clear()
    const began = this.moves.count
    const made = make()
    const value = made
      .then((given) => (reads.isKnown && reads.tables.size > 0 ? copy(given) : undefined))
      .catch(() => undefined)
    this.made.set(key, { reads, began, at: Date.now(), value })
    return made
  }
}

interface Made {
  reads: Reads
  began: number
  /** Milliseconds since 1970. */
  at: number
  /** Undefined when it is not to be remembered. */
  value: Promise<unknown>
}
