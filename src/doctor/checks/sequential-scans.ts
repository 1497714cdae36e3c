import type { Check } from "../check"
import { counted } from "../plan"

const sql = `
  select relname as table, seq_scan::float8 as scans, seq_tup_read::float8 as read, n_live_tup::float8 as rows,
    coalesce(idx_scan, 0)::float8 as "byIndex", pg_size_pretty(pg_relation_size(relid)) as size
  from pg_stat_user_tables
  where schemaname = current_schema() and n_live_tup >= 10000 and seq_scan >= 10
    and seq_tup_read >= seq_scan * n_live_tup * 0.3 and seq_tup_read >= 1000000
  order by seq_tup_read desc limit 10`

export const sequentialScans: Check = {
  name: "sequential-scans",
  title: "large tables that are read through",
  async examine({ ask }) {
    const tables = await ask<{
      table: string
      scans: number
      read: number
      rows: number
      byIndex: number
      size: string
    }>(sql)
    return tables.map(({ table, scans, read, rows, byIndex, size }) => ({
      check: this.name,
      severity: "note" as const,
      subject: table,
      what: `${table} was read from end to end ${counted(scans)} times.`,
      why: "Each time costs as much as the table is large, and pushes what others need out of the server's memory. Which index helps is found from the statements, if one does.",
      evidence: { rows, size, "scans of all": scans, "rows read by them": read, "reads by index": byIndex },
    }))
  },
}
