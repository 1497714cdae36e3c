/** The remedies that several checks give. */
import { createHash } from "node:crypto"
import type { Fix } from "./check"

/** A name as it must stand in a statement. */
export const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) && !reserved.has(name) ? name : `"${name.replaceAll('"', '""')}"`
/** PostgreSQL 18, appendix C: reserved, or not for columns and functions at once. */
const reserved = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
  concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from
  full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
  localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
  select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
  variadic verbose when where window with`.split(/\s+/),
)

export interface IndexShape {
  name: string
  table: string
  /** Columns with what belongs to them, such as `created_at desc` or `title gin_trgm_ops`. */
  columns: readonly string[]
  method?: "btree" | "gin"
  isUnique?: boolean
  /** A partial index's condition. */
  where?: string
  /** What must be there first. */
  needs?: readonly string[]
}

/** @param concurrently without keeping writers waiting; not inside a transaction */
export function indexSql(shape: IndexShape, concurrently = true): string {
  const { name, table, columns, method = "btree", isUnique, where } = shape
  const how = `${concurrently ? " concurrently if not exists" : ""} ${quoted(name)}`
  const by = method === "btree" ? "" : ` using ${method}`
  const condition = where ? ` where ${where}` : ""
  return `create ${isUnique ? "unique " : ""}index${how} on ${quoted(table)}${by} (${columns.join(", ")})${condition}`
}

/** Other columns, another name. */
export const searchName = (table: string, columns: readonly string[]): string =>
  `IDX_pegasus_${table.slice(0, 36)}_search_${createHash("sha1").update(columns.join()).digest("hex").slice(0, 6)}`

export const buildIndex = (shape: IndexShape, remark?: string): Fix => ({
  sql: [...(shape.needs ?? []), indexSql(shape)],
  undo: [`drop index concurrently if exists ${quoted(shape.name)}`],
  locks:
    "SHARE UPDATE EXCLUSIVE on the table while it is built: reads and writes go on, other DDL and VACUUM wait. It waits for running transactions to end.",
  ...(remark && { remark }),
  isMigration: true,
  index: shape,
})

export const dropIndex = (name: string, definition: string, remark: string): Fix => ({
  sql: [`drop index concurrently if exists ${quoted(name)}`],
  undo: [definition.replace(/^CREATE (UNIQUE )?INDEX /, "create $1index concurrently ")],
  locks:
    "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on. It waits for running transactions to end.",
  remark,
  isMigration: true,
})

export const changeSetting = (name: string, value: string, remark: string, needsRestart = false): Fix => ({
  sql: [`alter system set ${name} = '${value}'`, ...(needsRestart ? [] : ["select pg_reload_conf()"])],
  undo: [`alter system reset ${name}`, ...(needsRestart ? [] : ["select pg_reload_conf()"])],
  locks: needsRestart ? "None, but it takes a restart of the server." : "None.",
  remark,
  isMigration: false,
})
