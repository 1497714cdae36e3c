import type { Check } from "../check"
import { dropIndex } from "../fixes"

/**
 * Not those that keep something unique or that a reference needs, nor those that Medusa's generator made (IDX_…): they
 * serve rare statements that must not be slow, a return, a claim, and its next migration expects them.
 */
const sql = `
  select s.relname as table, s.indexrelname as name, pg_get_indexdef(i.indexrelid) as definition,
    pg_size_pretty(pg_relation_size(i.indexrelid)) as size,
    coalesce(extract(epoch from now() - greatest(d.stats_reset, pg_postmaster_start_time())), 0)::float8 as seconds,
    (t.n_tup_ins + t.n_tup_upd)::float8 as writes
  from pg_stat_user_indexes s
  join pg_index i on i.indexrelid = s.indexrelid
  join pg_stat_user_tables t on t.relid = s.relid
  join pg_stat_database d on d.datname = current_database()
  where s.schemaname = current_schema() and s.idx_scan = 0 and i.indisvalid
    and not (i.indisunique or i.indisprimary or i.indisexclusion)
    and s.indexrelname !~ '^IDX_'
    and not exists (select from pg_constraint k where k.contype = 'f' and k.conrelid = i.indrelid and k.conkey[1] = i.indkey[0])
    and t.n_live_tup >= 10000
  order by pg_relation_size(i.indexrelid) desc`

const week = 7 * 86_400

export const unusedIndexes: Check = {
  name: "unused-indexes",
  title: "indexes that nothing reads",
  async examine({ ask }) {
    const found = await ask<{
      table: string
      name: string
      definition: string
      size: string
      seconds: number
      writes: number
    }>(sql)
    return found.map(({ table, name, definition, size, seconds, writes }) => ({
      check: this.name,
      severity: "note" as const,
      subject: name,
      what: `Nothing has read the index ${name} of ${table} ${since(seconds)}.`,
      why: "Every write to the table keeps it.",
      evidence: { size, "writes to the table": writes },
      fix: {
        ...dropIndex(
          name,
          definition,
          seconds < week
            ? "The server has counted for less than a week: look again before you drop it, and look at the replicas, which count for themselves."
            : "An index that was built since is younger than that; and replicas count for themselves: look there, too.",
        ),
        // How old the index is nobody knows.
        isMigration: false,
      },
    }))
  },
}

const since = (seconds: number) =>
  seconds >= 86_400
    ? `in the ${Math.floor(seconds / 86_400)} days the server has counted`
    : "since the server began to count, less than a day ago"
