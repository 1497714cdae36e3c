/** The columns that have trigram indexes, whole or for what is not deleted. */

export interface Trigrams {
  /** Whether there is none at all. */
  isEmpty: boolean
  /** Whether all of them do. */
  cover(searched: readonly { table: string; columns: readonly string[] }[]): boolean
}

/** One row a column of a table that has an `id`: `table`, `name`. Expressions as PostgreSQL writes them. */
export const trigramsSql = `
  select r.relname as table, replace(replace(pg_get_indexdef(i.indexrelid, k.n::int, true), '(', ''), ')', '') as name
  from pg_index i
  join pg_class r on r.oid = i.indrelid and r.relnamespace = (select oid from pg_namespace where nspname = current_schema())
  cross join lateral unnest(i.indclass::oid[]) with ordinality as k (class, n)
  join pg_opclass o on o.oid = k.class and o.opcname in ('gin_trgm_ops', 'gist_trgm_ops')
  join pg_attribute a on a.attrelid = r.oid and a.attname = 'id' and not a.attisdropped
  where i.indisvalid and coalesce(pg_get_expr(i.indpred, i.indrelid), '(deleted_at IS NULL)') = '(deleted_at IS NULL)'`

export function trigramsOf(rows: readonly { table: string; name: string }[]): Trigrams {
  const known = new Set(rows.map(({ table, name }) => `${table}.${name.split(" ")[0]}`))
  return {
    isEmpty: known.size === 0,
    cover: (searched) =>
      searched.every(({ table, columns }) => columns.every((column) => known.has(`${table}.${column}`))),
  }
}
