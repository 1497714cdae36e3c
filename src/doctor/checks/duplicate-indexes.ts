import type { Check } from "../check"
import { dropIndex } from "../fixes"

/** Same table, method, columns, classes, expressions and condition; kept is what a constraint or uniqueness needs, else the older. Those of small tables are let be. */
const sql = `
  with indexes as (
    select i.indexrelid, i.indrelid, c.relname as name, pg_get_indexdef(i.indexrelid) as definition,
      pg_relation_size(i.indexrelid) as size, i.indisunique or i.indisprimary or i.indisexclusion as enforces,
      concat_ws(' ', c.relam, i.indkey, i.indclass, i.indcollation, i.indoption,
        pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)) as shape
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indisvalid and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
  ), ranked as (
    select *, first_value(name) over kept as kept, row_number() over kept as place
    from indexes window kept as (partition by indrelid, shape order by enforces desc, indexrelid)
  )
  select indrelid::regclass::text as table, name, kept, definition, pg_size_pretty(size) as size
  from ranked where place > 1 and not enforces and (select n_live_tup from pg_stat_user_tables where relid = indrelid) >= 10000
  order by ranked.size desc`

export const duplicateIndexes: Check = {
  name: "duplicate-indexes",
  title: "indexes that are there twice",
  async examine({ ask }) {
    const found = await ask<{ table: string; name: string; kept: string; definition: string; size: string }>(
      sql,
    )
    return found.map(({ table, name, kept, definition, size }) => ({
      check: this.name,
      severity: "note" as const,
      subject: name,
      what: `${table} has the index ${kept} once more as ${name}.`,
      why: "Every write keeps both; reads use one.",
      evidence: { size },
      fix: dropIndex(name, definition, `${kept} stays and answers for both.`),
    }))
  },
}
