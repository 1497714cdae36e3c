/** The checks, in the order in which they are made. */
import type { Check } from "../check"
import { bloat } from "./bloat"
import { connections } from "./connections"
import { deadRows } from "./dead-rows"
import { duplicateIndexes } from "./duplicate-indexes"
import { feedTriggers } from "./feed-triggers"
import { foreignKeys } from "./foreign-keys"
import { growingTables } from "./growing-tables"
import { invalidIndexes } from "./invalid-indexes"
import { memory } from "./memory"
import { missingIndexes } from "./missing-indexes"
import { sequentialScans } from "./sequential-scans"
import { serverVersion } from "./server-version"
import { slowStatements } from "./slow-statements"
import { staleStatistics } from "./stale-statistics"
import { statementStatistics } from "./statement-statistics"
import { unusedIndexes } from "./unused-indexes"

export const checks: readonly Check[] = [
  serverVersion,
  statementStatistics,
  slowStatements,
  missingIndexes,
  foreignKeys,
  invalidIndexes,
  duplicateIndexes,
  unusedIndexes,
  sequentialScans,
  staleStatistics,
  deadRows,
  bloat,
  growingTables,
  memory,
  connections,
  feedTriggers,
]
