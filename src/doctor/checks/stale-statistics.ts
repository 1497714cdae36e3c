import type { Check } from "../check"
import { quoted } from "../fixes"

const sql = `
  select s.relname as table, s.n_live_tup::float8 as rows, s.n_mod_since_analyze::float8 as changed,
    greatest(s.last_analyze, s.last_autoanalyze) as "lastTime"
  from pg_stat_user_tables s
  where s.schemaname = current_schema() and s.n_live_tup >= 10000
    and (greatest(s.last_analyze, s.last_autoanalyze) is null or s.n_mod_since_analyze > 0.3 * s.n_live_tup)
  order by s.n_mod_since_analyze desc`

export const staleStatistics: Check = {
  name: "stale-statistics",
  title: "statistics from another time",
  async examine({ ask }) {
    const found = await ask<{
      table: string
      rows: number
      changed: number
      lastTime: Date | null
    }>(sql)
    return found.map(({ table, rows, changed, lastTime }) => ({
      check: this.name,
      severity: "warning" as const,
      subject: table,
      what: `What the planner knows of ${table} is ${lastTime ? "old" : "nothing"}: ${Math.round(changed)} of ${Math.round(rows)} rows have changed since.`,
      why: "It chooses indexes and the order of joins by it: after an import it plans for the shop of before.",
      evidence: { rows, "changed since": changed, "last analyzed": lastTime?.toISOString() ?? "never" },
      fix: {
        sql: [`analyze ${quoted(table)}`],
        undo: [],
        locks: "SHARE UPDATE EXCLUSIVE on the table, for seconds: reads and writes go on.",
        remark: "Autovacuum does this by itself where it is on, later; run it after each import.",
        isMigration: true,
      },
    }))
  },
}
