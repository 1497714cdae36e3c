/** The remedies that several checks give. */
import type { Fix } from "./check"

/** As PostgreSQL quotes a name, where it must. */
export const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) && !reserved.has(name) ? name : `"${name.replaceAll('"', '""')}"`
/** Of Medusa's tables and columns, those that are words of SQL. */
const reserved = new Set([
  "order",
  "user",
  "return",
  "default",
  "primary",
  "unique",
  "check",
  "references",
  "desc",
  "asc",
])

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
