/** What is known of the database: its tables that tell their changes, its foreign keys, its own functions. */
import type { ClientBase } from "pg"
import type { Catalog, Table } from "../tracking"
import { functionName, type Wanted, wantedTables } from "./triggers"

const referencesSql = `
select distinct f.relname || '.' || a.attname as source, t.relname || '.' || b.attname as target
from pg_constraint c
join pg_class f on f.oid = c.conrelid
join pg_class t on t.oid = c.confrelid
join pg_attribute a on a.attrelid = f.oid and a.attnum = c.conkey[1]
join pg_attribute b on b.attrelid = t.oid and b.attnum = c.confkey[1]
where c.contype = 'f' and c.convalidated and array_length(c.conkey, 1) = 1
  and f.relnamespace = current_schema()::regnamespace`
/** Functions that read no tables and know no time or chance. */
const functionsSql = `
select distinct proname from pg_proc
where pronamespace = 'pg_catalog'::regnamespace and provolatile in ('i', 's') and proname !~ '^(pg_|current_setting|txid|query_to|table_to|schema_to|database_to|cursor_to|has_|to_reg|ts_stat|age$)'
  or proname in ('unnest', 'jsonb_array_elements', 'generate_series') and pronamespace = 'pg_catalog'::regnamespace`
const datedSql = `
select distinct r.relname as table from pg_attribute a join pg_class r on r.oid = a.attrelid
where r.relnamespace = current_schema()::regnamespace and r.relkind in ('r', 'p')
  and a.attname in ('starts_at', 'ends_at', 'revoked_at') and not a.attisdropped`

/** Tables whose rows are their own: no views, no single partitions, no parents by inheritance, none with rules. */
const plainTablesSql = `
select r.relname as table from pg_class r
where r.relnamespace = current_schema()::regnamespace and r.relkind in ('r', 'p') and not r.relispartition and not r.relhasrules
  and not (r.relkind = 'r' and exists (select 1 from pg_inherits i where i.inhparent = r.oid or i.inhrelid = r.oid))`

/** Tables with triggers that are neither ours nor PostgreSQL's. */
const spreadingSql = `
select distinct r.relname as table from pg_trigger t join pg_class r on r.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
where r.relnamespace = current_schema()::regnamespace and not t.tgisinternal and p.proname <> '${functionName}'`

export interface Known {
  catalog: Catalog
  wanted: Wanted[]
}

export async function readCatalog(client: Pick<ClientBase, "query">): Promise<Known> {
  const wanted = await wantedTables(client)
  const column = async (sql: string, name: string): Promise<string[]> =>
    (await client.query(sql)).rows.map((row) => row[name])
  const { rows: references } = await client.query(referencesSql)
  const leading = new Set(references.map(({ source, target }) => `${source}>${target}`))
  const functions = new Set(await column(functionsSql, "proname"))
  const all = new Set(await column(plainTablesSql, "table"))
  const spreading = new Set(await column(spreadingSql, "table"))
  const tables = new Map<string, Table>()
  const dated = new Set(await column(datedSql, "table"))
  for (const { table, name, primary, keys, isInstalled } of wanted) {
    if (!isInstalled || table !== name || !all.has(table)) continue
    const isKey = primary.length === 1 && keys.includes(primary[0]!)
    tables.set(table, {
      keys: new Set(keys),
      primary: isKey ? primary[0] : undefined,
      isDated: dated.has(table),
    })
  }
  const [schema] = await column("select current_schema() as schema", "schema")
  return {
    wanted,
    catalog: {
      isKnown: true,
      schema: schema!,
      tables,
      isTable: (name) => all.has(name),
      leads: (from, to) => leading.has(`${from.table}.${from.column}>${to.table}.${to.column}`),
      isHarmless: (name) => functions.has(name),
      spreads: (name) => spreading.has(name),
    },
  }
}
