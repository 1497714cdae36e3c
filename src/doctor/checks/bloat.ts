import type { Check } from "../check"
import { quoted } from "../fixes"

/** Pages that the rows would need, by their mean width, against the pages that there are. */
const sql = `
  with widths as (
    select c.oid, c.relname as name, c.reltuples as rows, c.relpages as pages,
      24 + 4 + sum((1 - p.null_frac) * p.avg_width) as width
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
    join pg_stats p on p.schemaname = n.nspname and p.tablename = c.relname and not p.inherited
    where c.relkind = 'r' and c.reltuples >= 0 and c.relpages > 6400
    group by c.oid, c.relname, c.reltuples, c.relpages
  )
  select name as table, pages::float8 * 8192 as bytes,
    ceil(rows * width / (8192 - 24))::float8 * 8192 as needed, pg_size_pretty(pages::bigint * 8192) as size
  from widths where pages > 2 * ceil(rows * width / (8192 - 24)) order by pages desc`

export const bloat: Check = {
  name: "bloat",
  title: "tables larger than their rows",
  async examine({ ask }) {
    const found = await ask<{ table: string; bytes: number; needed: number; size: string }>(sql)
    return found.map(({ table, bytes, needed, size }) => ({
      check: this.name,
      severity: "note" as const,
      subject: table,
      what: `${table} takes ${size}; by the width of its rows about ${Math.round(needed / 1_048_576)} MB would do.`,
      why: "A scan reads the empty pages, too, and they take room in the server's memory.",
      evidence: { "bytes on disk": bytes, "bytes its rows need, about": needed },
      fix: {
        sql: [`vacuum (full, analyze) ${quoted(table)}`],
        undo: [],
        locks:
          "ACCESS EXCLUSIVE: nobody reads or writes the table until it is done. pg_repack does the same without.",
        remark: "At night, or not at all: a vacuum lets the space be used again, and the table fills it.",
        isMigration: false,
      },
    }))
  },
}
