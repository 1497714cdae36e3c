import type { Check } from "../check"
import { buildIndex, quoted } from "../fixes"

/** Foreign keys, and the far side of link tables, which have none. */
const sql = `
  with referring as (
    select conrelid as relation, conkey::int2[] as columns from pg_constraint
    where contype = 'f' and connamespace = (select oid from pg_namespace where nspname = current_schema())
    union
    select i.indrelid, array[i.indkey[1]] from pg_index i
    where i.indisprimary and i.indnatts = 2 and not exists (select from pg_constraint where contype = 'f' and conrelid = i.indrelid)
  )
  select r.relname as table, array_agg(a.attname::text order by a.attnum) as columns,
    greatest(s.n_live_tup, r.reltuples)::float8 as rows, pg_size_pretty(pg_relation_size(r.oid)) as size,
    bool_or(d.attname is not null) as "isSoft"
  from referring
  join pg_class r on r.oid = relation and r.relnamespace = (select oid from pg_namespace where nspname = current_schema())
  join pg_stat_user_tables s on s.relid = r.oid
  join pg_attribute a on a.attrelid = r.oid and a.attnum = any (columns)
  left join pg_attribute d on d.attrelid = r.oid and d.attname = 'deleted_at' and not d.attisdropped
  where greatest(s.n_live_tup, r.reltuples) >= 10000
    and not exists (select from pg_stats p where p.schemaname = current_schema() and p.tablename = r.relname
      and p.attname = a.attname and p.null_frac > 0.99)
    and not exists (
    select from pg_index i where i.indrelid = r.oid and i.indisvalid and i.indkey[0] = columns[1]
      and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~* ('^\\(*(deleted_at IS NULL|' || a.attname || ' IS NOT NULL)')))
  group by r.oid, r.relname, columns, s.n_live_tup, r.reltuples
  order by 3 desc`

export const foreignKeys: Check = {
  name: "foreign-keys",
  title: "references without an index",
  async examine({ ask }) {
    const found = await ask<{
      table: string
      columns: string[]
      rows: number
      size: string
      isSoft: boolean
    }>(sql)
    return found.map(({ table, columns, rows, size, isSoft }) => ({
      check: this.name,
      severity: "warning" as const,
      subject: `${table}.${columns.join(", ")}`,
      what: `${table} refers to another table by ${columns.join(", ")}, and has no index on it.`,
      why: "What belongs to a row is found by it, and a delete of the row looks for it: each time the whole table is read.",
      evidence: { rows, size },
      fix: buildIndex({
        name: `IDX_${table}_${columns.join("_")}`.slice(0, 63),
        table,
        columns: columns.map(quoted),
        ...(isSoft && { where: "deleted_at is null" }),
      }),
    }))
  },
}
