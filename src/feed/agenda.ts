/**
 * Time counts as a change: a price list begins, a campaign ends. For each table with `starts_at` or `ends_at` the
 * agenda knows the next such moment, asks for it anew when the table changed or the moment has passed, and so says
 * how long what was read from it may be kept.
 */
interface Next {
  /** Milliseconds since 1970, by this process's clock; Infinity when nothing is to come. */
  at: number
}

export class Agenda {
  private readonly next = new Map<string, Promise<Next>>()

  constructor(private readonly query: (sql: string) => Promise<Record<string, unknown>[]>) {}

  /** @returns milliseconds. @throws what the query throws */
  async quietFor(tables: Iterable<string>): Promise<number> {
    const moments = await Promise.all([...tables].map((table) => this.momentOf(table)))
    return Math.min(...moments.map(({ at }) => at)) - Date.now()
  }

  /** What was known of this table, or of all, is old. */
  forget(table?: string): void {
    if (table === undefined) this.next.clear()
    else this.next.delete(table)
  }

  private async momentOf(table: string): Promise<Next> {
    const known = await this.next.get(table)
    if (known && known.at > Date.now()) return known
    const asked = this.ask(table)
    this.next.set(table, asked)
    asked.catch(() => this.next.delete(table))
    return asked
  }

  private async ask(table: string): Promise<Next> {
    // Counted from before the question: the answer may only be too early.
    const from = Date.now()
    const name = `"${table.replaceAll('"', '""')}"`
    const [row] = await this.query(`
      select extract(epoch from min((cells ->> name)::timestamptz) - now()) * 1000 as milliseconds
      from ${name} r, to_jsonb(r) as cells, unnest(array['starts_at', 'ends_at']) as name
      where (cells ->> name)::timestamptz > now()`)
    const left = row?.milliseconds
    return { at: left === null || left === undefined ? Number.POSITIVE_INFINITY : from + Number(left) }
  }
}
