/** What only grows: finished workflows, carts that were left, rows that were deleted softly. */
import type { Check, Finding } from "../check"
import { quoted } from "../fixes"
import type { Patient } from "../patient"

/** As Medusa clears them itself (workflow-engine-redis 2.21.2, clearExpiredExecutions), and those without a term. */
const workflows = `
  select count(*)::float8 as rows,
    pg_size_pretty(pg_total_relation_size('workflow_execution')) as size
  from workflow_execution
  where state in ('done', 'failed', 'reverted') and deleted_at is null
    and updated_at < now() - coalesce(retention_time, 30 * 86400) * interval '1 second'`
const clearWorkflows = `
delete from workflow_execution where ctid = any (array(
  select ctid from workflow_execution
  where state in ('done', 'failed', 'reverted')
    and updated_at < now() - coalesce(retention_time, 30 * 86400) * interval '1 second'
  limit 5000))`.trim()

const carts = `
  select count(*)::float8 as rows, (select count(*) from cart)::float8 as total from cart
  where completed_at is null and updated_at < now() - interval '90 days'`
const clearCarts = `
delete from cart where id = any (array(
  select id from cart where completed_at is null and updated_at < now() - interval '90 days' limit 1000))`.trim()

/** Of each table, by the planner's statistics: no row is read. */
const deleted = `
  select c.relname as table, c.reltuples::float8 * (1 - p.null_frac) as rows, c.reltuples::float8 as total
  from pg_stats p
  join pg_class c on c.relname = p.tablename and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
  where p.schemaname = current_schema() and p.attname = 'deleted_at'
    and c.reltuples >= 10000 and p.null_frac < 0.8 order by 2 desc`

/** From here on it is worth a word. */
const many = 1_000

export const growingTables: Check = {
  name: "growing-tables",
  title: "tables that only grow",
  async examine(patient) {
    const { role, ask } = patient
    const soft = await ask<{ table: string; rows: number; total: number }>(deleted)
    const findings = soft.map(
      ({ table, rows, total }): Finding => ({
        check: this.name,
        severity: "note",
        subject: `${table}, deleted rows`,
        what: `${Math.round((100 * rows) / total)} % of ${table} are rows that were deleted softly.`,
        why: "Every scan reads them and throws them away, and every index without the condition deleted_at is null holds them.",
        evidence: { rows, total },
        fix: batches(
          `delete from ${quoted(table)} where ctid = any (array(select ctid from ${quoted(table)} where deleted_at < now() - interval '90 days' limit 5000))`,
          "Medusa can restore what was deleted softly; after this it cannot. Keep what the law wants kept.",
        ),
      }),
    )
    if (!role.readsTables) return findings
    return [
      ...findings,
      ...(await workflowsLeft(patient, this.name)),
      ...(await cartsLeft(patient, this.name)),
    ]
  },
}

async function workflowsLeft({ ask }: Patient, check: string): Promise<Finding[]> {
  const [{ rows, size } = { rows: 0, size: "" }] = await ask<{ rows: number; size: string }>(workflows)
  if (rows < many) return []
  return [
    {
      check,
      severity: "warning",
      subject: "workflow_execution",
      what: `${Math.round(rows)} finished workflows are past their term and still there.`,
      why: "Each holds the whole text of its steps. Every checkout looks into this table and writes to it, and keeps its twelve indexes.",
      evidence: { rows, size },
      fix: batches(
        clearWorkflows,
        "Medusa clears those that have a term, in one statement, while a worker runs; so many at once it may not manage.",
      ),
    },
  ]
}

async function cartsLeft({ ask }: Patient, check: string): Promise<Finding[]> {
  const [{ rows, total } = { rows: 0, total: 0 }] = await ask<{ rows: number; total: number }>(carts)
  if (rows < many || rows < total / 4) return []
  return [
    {
      check,
      severity: "note",
      subject: "cart",
      what: `${Math.round(rows)} of ${Math.round(total)} carts were left more than 90 days ago.`,
      why: "Nobody comes back to them; their lines, addresses and adjustments make every index of the cart larger than the memory for it.",
      evidence: { rows, total },
      fix: batches(
        clearCarts,
        "Lines, methods and adjustments go with the cart. Keep what an abandoned-cart mail still needs.",
      ),
    },
  ]
}

const batches = (sql: string, remark: string) => ({
  sql: [sql],
  undo: [],
  locks:
    "Only the rows it deletes, a few thousand at a time. Run it again until it deletes none, then vacuum.",
  remark: `${remark} It cannot be taken back: have a backup.`,
  isMigration: false,
})
