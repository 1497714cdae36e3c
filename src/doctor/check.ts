/** What a check is, and what it finds. One file a check, one readable statement in it. */
import type { IndexShape } from "./fixes"
import type { Patient } from "./patient"
import type { PlanNode } from "./plan"
import type { Workload } from "./workload"

/** `note` is worth knowing, `warning` costs time now, `critical` may cost the store. */
export type Severity = "critical" | "warning" | "note"
export const severities: readonly Severity[] = ["critical", "warning", "note"]

/** A patient, and what it was asked, which is read once. */
export interface Examined extends Patient {
  /** Undefined where nobody counts, or this role does not see it. */
  workload: Workload | undefined
}

export interface Check {
  /** As in `--json` and in the documents. */
  name: string
  /** What is looked at, for who watches. */
  title: string
  examine(patient: Examined): Promise<Finding[]>
}

export interface Finding {
  check: string
  severity: Severity
  /** What it is about: a table, an index, a setting, a statement. One finding a subject and a check. */
  subject: string
  /** One sentence. */
  what: string
  /** Why it matters in a Medusa store. */
  why: string
  /** Constants are masked. */
  evidence: Record<string, string | number>
  /** Constants are masked. */
  statement?: string
  fix?: Fix
  /** What to write into medusa-config. */
  lines?: string
  gain?: Gain
}

export interface Fix {
  /** To be run one by one, outside a transaction. */
  sql: readonly string[]
  /** What takes it back. */
  undo: readonly string[]
  /** Which locks it takes, and whom they keep waiting. */
  locks: string
  /** Said when it is not only SQL, or not at once. */
  remark?: string
  /** Whether it belongs into the store's migrations; other fixes are for the one who looks after the server. */
  isMigration: boolean
  /** What it builds, if it is an index. */
  index?: IndexShape
}

export interface Gain {
  /**
   * `measured`: run with and without, by EXPLAIN (ANALYZE, BUFFERS). `priced`: the planner's cost with an index that
   * does not exist (hypopg).
   */
  basis: "measured" | "priced"
  /** Milliseconds if measured, the planner's units if priced. */
  before: number
  after: number
  /** Milliseconds saved since the statistics began, if they were kept. */
  saved?: number
  plans?: { before: PlanNode; after: PlanNode }
}
