/**
 * Time counts as a change: a price list begins, a campaign ends. For each table with `starts_at` or `ends_at` the
 * agenda knows the next such moment, asks for it anew when the table changed or the moment has passed, and so says
 * how long what was read from it may be kept.
 */
import { quoted } from "./triggers"

interface Next {
  /** What was asked for began then, in milliseconds since 1970. */
  since: number
  /** By this process's clock; Infinity when nothing is to come. */
  at: number
}

/**
 * A moment that has just passed still counts: clocks differ, and a load may have been under way. What is loaded
 * within so many milliseconds of it is not kept.
 */
const margin = 1_000

export class Agenda {
  private readonly next = new Map<string, Promise<Next>>()

  constructor(private readonly query: (sql: string) => Promise<Record<string, unknown>[]>) {}

  /**
   * @param since when the reading began, in milliseconds since 1970
   * @returns milliseconds; not positive when something began or ended meanwhile. @throws what the query throws
   */
  async quietFor(tables: Iterable<string>, since: number): Promise<number> {
    const moments = await Promise.all([...tables].map((table) => this.momentAfter(table, since)))
    return Math.min(...moments.map(({ at }) => at)) - Date.now()
  }

  /** What was known of this table, or of all, is old. */
  forget(table?: string): void {
    if (table === undefined) this.next.clear()
    else this.next.delete(table)
  }

  private async momentAfter(table: string, since: number): Promise<Next> {
    const known = await this.next.get(table)
    if (known && known.since <= since && known.at > since - margin) return known
    const asked = this.ask(table, since)
    this.next.set(table, asked)
    asked.catch(() => this.next.delete(table))
    return asked
  }

  private async ask(table: string, since: number): Promise<Next> {
    // Counted from before the question: the answer may only be too early.
    const from = Date.now()
    const [row] = await this.query(`
      select extract(epoch from min((cells ->> name)::timestamptz) - now()) * 1000 as milliseconds
      from ${quoted(table)} r, to_jsonb(r) as cells, unnest(array['starts_at', 'ends_at', 'revoked_at']) as name
      where (cells ->> name)::timestamptz > now() - interval '${from - since + margin} milliseconds'`)
    const left = row?.milliseconds
    const at = left === null || left === undefined ? Number.POSITIVE_INFINITY : from + Number(left)
    return { since, at }
  }
}
