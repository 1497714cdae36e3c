import type { Check } from "../check"
import { quoted } from "../fixes"

/** Not those that are being built right now. */
const sql = `
  select i.indrelid::regclass::text as table, c.relname as name, pg_get_indexdef(i.indexrelid) as definition, i.indisunique as "isUnique"
  from pg_index i join pg_class c on c.oid = i.indexrelid
  where not i.indisvalid and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
    and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)`

export const invalidIndexes: Check = {
  name: "invalid-indexes",
  title: "indexes that were never finished",
  async examine({ ask, role }) {
    const found = await ask<{ table: string; name: string; definition: string; isUnique: boolean }>(sql)
    return found.map(({ table, name, isUnique }) => ({
      check: this.name,
      severity: role.seesStatistics ? ("warning" as const) : ("note" as const),
      subject: name,
      what: `The index ${name} of ${table} was never finished: a concurrent build failed or was stopped${role.seesStatistics ? "" : ", or is under way, which this role does not see"}.`,
      why: "No statement uses it, every write keeps it, and a migration that says if not exists takes it for done.",
      evidence: { table },
      fix: {
        // What a reindexing left behind is there once more, whole (PostgreSQL's manual, REINDEX).
        sql: [
          /_cc(new|old)\d*$/.test(name)
            ? `drop index concurrently if exists ${quoted(name)}`
            : `reindex index concurrently ${quoted(name)}`,
        ],
        undo: [],
        locks: "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on.",
        ...(isUnique && {
          remark: "It is unique: if the build failed for values that are there twice, mend them first.",
        }),
        isMigration: role.seesStatistics,
      },
    }))
  },
}
