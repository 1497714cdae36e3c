import type { Check } from "../check"
import { quoted } from "../fixes"

const sql = `
  select s.relname as table, s.n_live_tup::float8 as rows, s.n_dead_tup::float8 as dead,
    pg_size_pretty(pg_total_relation_size(s.relid)) as size,
    greatest(s.last_vacuum, s.last_autovacuum) as "lastTime",
    current_setting('autovacuum')::bool as "isOn",
    coalesce(array_to_string(c.reloptions, ' ') ~ 'autovacuum_enabled=(false|off|0)', false) as "isOff"
  from pg_stat_user_tables s join pg_class c on c.oid = s.relid
  where s.schemaname = current_schema() and s.n_live_tup + s.n_dead_tup >= 10000
    and (s.n_dead_tup > 0.3 * s.n_live_tup
      or coalesce(array_to_string(c.reloptions, ' ') ~ 'autovacuum_enabled=(false|off|0)', false)
      or not current_setting('autovacuum')::bool)
  order by s.n_dead_tup desc`

export const deadRows: Check = {
  name: "dead-rows",
  title: "dead rows, and whether autovacuum does its work",
  async examine({ ask }) {
    const found = await ask<{
      table: string
      rows: number
      dead: number
      size: string
      lastTime: Date | null
      isOn: boolean
      isOff: boolean
    }>(sql)
    return found.map(({ table, rows, dead, size, lastTime, isOn, isOff }) => ({
      check: this.name,
      severity: "warning" as const,
      subject: table,
      what: isOff
        ? `Autovacuum is switched off for ${table}; ${Math.round(dead)} dead rows lie among ${Math.round(rows)}.`
        : isOn
          ? `${Math.round(dead)} dead rows lie among the ${Math.round(rows)} of ${table}: autovacuum does not keep up.`
          : `Autovacuum is switched off for the whole server; ${Math.round(dead)} dead rows lie in ${table}.`,
      why: "Every read steps over them, and an index alone cannot answer before a vacuum has been there.",
      evidence: { rows, dead, size, "last vacuumed": lastTime?.toISOString() ?? "never" },
      fix: {
        sql: [
          ...(isOff ? [`alter table ${quoted(table)} reset (autovacuum_enabled)`] : []),
          ...(isOff || isOn ? [] : ["alter system set autovacuum = on", "select pg_reload_conf()"]),
          `vacuum (analyze) ${quoted(table)}`,
        ],
        undo: isOff ? [`alter table ${quoted(table)} set (autovacuum_enabled = false)`] : [],
        locks:
          "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on. The space is used again, not given back.",
        isMigration: isOff || isOn,
      },
    }))
  },
}
