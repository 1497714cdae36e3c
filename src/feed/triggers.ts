/**
 * The triggers that tell of changes: what they are, which tables get them, and their SQL.
 *
 * One function in the store's schema, and on each table a statement trigger for insert, update, delete and truncate. A
 * statement that changes rows sends one notification, which PostgreSQL delivers at the commit, in the order of commits, or
 * never: {"s": schema, "t": table, "o": "i"|"u"|"d"|"!", "c": columns changed, "k": {key column: values, old and new},
 * "at": milliseconds since 1970}. More than fifty rows, or too much text for a notification, become "!".
 *
 * A notification makes commits of the whole database queue for a moment, so tables that are written at every
 * sale have no trigger; what reads them is not cached.
 */
import type { ClientBase } from "pg"

export const channel = "pegasus_feed"
export const functionName = "pegasus_feed"
/** Rises when the function or the triggers change: older ones are then replaced. */
const version = 3
const mostRows = 50

const stock = /^(inventory_level|reservation_item)$/
/** Written at every sale or visit, private, or Medusa's own book-keeping. Reasons and reference tables stay. */
const hot = [
  /^(cart|credit_line)(_|$)/,
  /^(order|return|exchange|claim)(_|$)(?!reason)/,
  /^(payment|capture|refund|account_holder)(_|$)(?!provider|reason)/,
  /_(cart|order|payment_collection|payment|account_holder)$/,
  /^(fulfillment|fulfillment_(address|item|label))$/,
  stock,
  /^promotion_campaign_budget/,
  /^(customer|customer_address)$/,
  /^(auth_identity|provider_identity|user|invite|notification|session|workflow_execution|view_configuration|user_preference)$/,
  /^(mikro_orm_migrations|link_module_migrations|script_migrations|index_.*|lock|locking)$/,
]

/** What a shopper alone changes, under the lock of his cart, and who he is. */
const ofShopper = /^(cart|credit_line|customer|customer_address)(_|$)/
/** Of an order, what a request may ask for once and the next prove: who changes it meanwhile is heard of by that. */
const ofOrder = /^order_((line_item|shipping_method)_adjustment|payment_collection)$/
/** Medusa's own (promotion/dist/models, 2.21.2): what promotions there are, and for what. */
const promotion =
  /^(promotion(_rule|_rule_value|_promotion_rule|_application_method|_campaign)?|application_method_(target|buy)_rules)$/

export const isOfShopper = (table: string) => ofShopper.test(table)
export const isOfOrder = (table: string) => ofOrder.test(table)
export const isPromotion = (table: string) => promotion.test(table)

/** Of stock: how much there is, and how much of it is promised. */
export const isStock = (table: string) => stock.test(table)
export const isHot = (table: string) => hot.some((pattern) => pattern.test(table))

/** A table of the store, and what its triggers are made of. */
export interface Wanted {
  table: string
  /** Under which name its changes are told: of a partition, the whole. */
  name: string
  primary: string[]
  keys: string[]
  isInstalled: boolean
}

const tablesSql = `
with texts as (
  select a.attrelid, a.attnum, a.attname
  from pg_attribute a
  join pg_type y on y.oid = a.atttypid
  left join pg_collation c on c.oid = a.attcollation
  where a.attnum > 0 and not a.attisdropped and y.typname in ('text', 'varchar') and coalesce(c.collisdeterministic, true)
)
select r.relname as table,
  coalesce((select p.relname from pg_partition_root(r.oid) as root join pg_class p on p.oid = root), r.relname) as name,
  coalesce((select array_agg(a.attname::text order by a.attnum) from pg_index i
    join pg_attribute a on a.attrelid = r.oid and a.attnum = any(i.indkey::int2[])
    where i.indrelid = r.oid and i.indisprimary), '{}') as primary,
  coalesce((select array_agg(distinct t.attname::text order by t.attname::text) from texts t
    where t.attrelid = r.oid and (t.attname like '%\\_id' or exists (
      select 1 from pg_index i where i.indrelid = r.oid and t.attnum = any(i.indkey::int2[])
        and (i.indisunique or i.indisprimary)))), '{}') as keys,
  coalesce((select array_agg(distinct g.tgname || ' ' || encode(g.tgargs, 'escape')) from pg_trigger g
    where g.tgrelid = r.oid and g.tgname like 'pegasus\\_%' and g.tgenabled in ('O', 'A')), '{}') as triggers
from pg_class r
where r.relnamespace = current_schema()::regnamespace and r.relkind in ('r', 'p')
order by r.relname
`

const operations = [
  { name: "pegasus_insert", event: "insert", rows: "referencing new table as new_rows" },
  {
    name: "pegasus_update",
    event: "update",
    rows: "referencing old table as old_rows new table as new_rows",
  },
  { name: "pegasus_delete", event: "delete", rows: "referencing old table as old_rows" },
  { name: "pegasus_truncate", event: "truncate", rows: "" },
]

/** Every table of the schema that should tell its changes. */
export async function wantedTables(client: Pick<ClientBase, "query">): Promise<Wanted[]> {
  const { rows } = await client.query(tablesSql)
  return rows
    .filter(({ table }) => !isHot(table))
    .map(({ table, name, primary, keys, triggers }) => {
      const wanted = { table, name, primary, keys, isInstalled: false }
      const expected = argumentsOf(wanted)
        .map((argument) => `${argument}\\000`)
        .join("")
      const isInstalled = operations.every((operation) => triggers.includes(`${operation.name} ${expected}`))
      return { ...wanted, isInstalled }
    })
}

const argumentsOf = ({ name, primary, keys }: Omit<Wanted, "isInstalled">) => [
  String(version),
  name,
  primary.join(","),
  keys.join(","),
]

/** What would make the tables tell their changes. Nothing, when they already do. */
export function installSql(tables: readonly Wanted[]): string {
  const missing = tables.filter(({ isInstalled }) => !isInstalled)
  if (missing.length === 0) return ""
  const triggers = missing.flatMap((wanted) => {
    const given = argumentsOf(wanted).map(literal).join(", ")
    return operations.map(({ name, event, rows }) =>
      [
        `drop trigger if exists ${name} on ${quoted(wanted.table)};`,
        `create trigger ${name} after ${event} on ${quoted(wanted.table)} ${rows}`,
        `  for each statement execute function ${functionName}(${given});`,
      ].join("\n"),
    )
  })
  return [functionSql, ...triggers].join("\n")
}

/** What takes all of it out again. */
export function removeSql(tables: readonly string[]): string {
  const drops = tables.flatMap((table) =>
    operations.map(({ name }) => `drop trigger if exists ${name} on ${quoted(table)};`),
  )
  return [...drops, `drop function if exists ${functionName}();`].join("\n")
}

/** Every table of the schema. */
export async function listTables(client: Pick<ClientBase, "query">): Promise<string[]> {
  const { rows } = await client.query(`
    select relname as table from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') order by 1`)
  return rows.map(({ table }) => table)
}

/** Tables that have any of our triggers, wanted or not. */
export async function tablesWithTriggers(client: Pick<ClientBase, "query">): Promise<string[]> {
  const { rows } = await client.query(`
    select distinct r.relname as table from pg_trigger g join pg_class r on r.oid = g.tgrelid
    where r.relnamespace = current_schema()::regnamespace and g.tgname like 'pegasus\\_%' order by 1`)
  return rows.map(({ table }) => table)
}

/** Makes every table tell its changes. Safe when several do it at once. @returns how many tables it changed */
export async function install(client: Pick<ClientBase, "query">): Promise<number> {
  return inTurn(client, async () => {
    const tables = await wantedTables(client)
    const sql = installSql(tables)
    if (sql !== "") await client.query(`${sql}\n${relearnSql}`)
    return tables.filter(({ isInstalled }) => !isInstalled).length
  })
}

export async function remove(client: Pick<ClientBase, "query">): Promise<number> {
  return inTurn(client, async () => {
    const tables = await tablesWithTriggers(client)
    await client.query(`${removeSql(tables)}\n${relearnSql}`)
    return tables.length
  })
}

async function inTurn<T>(client: Pick<ClientBase, "query">, work: () => Promise<T>): Promise<T> {
  await client.query("begin")
  try {
    await client.query(`select pg_advisory_xact_lock(hashtext('${functionName}'))`)
    const result = await work()
    await client.query("commit")
    return result
  } catch (error) {
    await client.query("rollback")
    throw error
  }
}

/** Tells the processes that listen that the triggers are others now. */
const relearnSql = `select pg_notify('${channel}', json_build_object('s', current_schema(), 'o', 'relearn')::text);`

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/**
 * Arguments: version, name of the table, columns of its primary key, key columns. A cell counts as changed when the
 * row of this key did not have it before; without a primary key all columns count.
 */
const functionSql = `
create or replace function ${functionName}() returns trigger language plpgsql as $pegasus$
declare
  primary_key text[] := string_to_array(nullif(tg_argv[2], ''), ',');
  key_columns text[] := string_to_array(nullif(tg_argv[3], ''), ',');
  message jsonb := jsonb_build_object('s', tg_table_schema, 't', tg_argv[1], 'o', '!');
  told jsonb;
  amount int := 0;
  new_row jsonb;
  old_row jsonb;
begin
  if tg_op = 'INSERT' then
    select count(*) into amount from (select 1 from new_rows limit ${mostRows + 1}) rows;
  elsif tg_op <> 'TRUNCATE' then
    select count(*) into amount from (select 1 from old_rows limit ${mostRows + 1}) rows;
  end if;
  if amount = 0 and tg_op <> 'TRUNCATE' then
    return null;
  end if;
  if amount between 1 and ${mostRows} then
    if tg_op = 'INSERT' then
      select jsonb_object_agg(k, v) into told from (
        select k, jsonb_agg(distinct n.cells -> k) as v
        from (select to_jsonb(r) as cells from new_rows r) n, unnest(key_columns) as k group by k) t;
    elsif tg_op = 'DELETE' then
      select jsonb_object_agg(k, v) into told from (
        select k, jsonb_agg(distinct n.cells -> k) as v
        from (select to_jsonb(r) as cells from old_rows r) n, unnest(key_columns) as k group by k) t;
    elsif amount = 1 and primary_key is not null then
      select to_jsonb(r) into new_row from new_rows r;
      select to_jsonb(r) into old_row from old_rows r;
      select jsonb_agg(e.key) into told from jsonb_each(new_row) e where old_row -> e.key is distinct from e.value;
      if told is null then
        return null;
      end if;
      message := message || jsonb_build_object('c', told);
      select jsonb_object_agg(k, case when old_row -> k = new_row -> k then jsonb_build_array(new_row -> k)
        else jsonb_build_array(old_row -> k, new_row -> k) end) into told from unnest(key_columns) k;
    else
      select jsonb_object_agg(k, v) into told from (
        select k, jsonb_agg(distinct n.cells -> k) as v
        from (select to_jsonb(r) as cells from new_rows r union all select to_jsonb(r) from old_rows r) n,
          unnest(key_columns) as k group by k) t;
      if primary_key is not null then
        message := message || jsonb_build_object('c', (
          select coalesce(jsonb_agg(distinct cell.key), '[]') from (
            select p.id, e.key, e.value from new_rows r, to_jsonb(r) as j,
              lateral (select jsonb_agg(j -> c) as id from unnest(primary_key) c) p, jsonb_each(j) e
            except
            select p.id, e.key, e.value from old_rows r, to_jsonb(r) as j,
              lateral (select jsonb_agg(j -> c) as id from unnest(primary_key) c) p, jsonb_each(j) e) cell));
        if message -> 'c' = '[]' then
          return null;
        end if;
      end if;
    end if;
    message := message || jsonb_build_object('o', lower(left(tg_op, 1)), 'k', coalesce(told, '{}'),
      'at', floor(extract(epoch from clock_timestamp()) * 1000));
    if octet_length(message::text) > 7900 then
      message := jsonb_build_object('s', tg_table_schema, 't', tg_argv[1], 'o', '!');
    end if;
  end if;
  perform pg_notify('${channel}', message::text);
  return null;
end
$pegasus$;
`
