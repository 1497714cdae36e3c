import type { Check, Finding } from "../check"
import { changeSetting } from "../fixes"

const sql = `
  select (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as used,
    current_setting('max_connections')::int as most,
    current_setting('idle_in_transaction_session_timeout') as "idleLimit",
    (select count(*) from pg_stat_activity where state like 'idle in transaction%' and state_change < now() - interval '30 seconds')::int as idle,
    (select max(extract(epoch from now() - xact_start)) from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start < now() - interval '5 minutes')::float8 as longest,
    (select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query_start < now() - interval '1 second')::int as waiting`

export const connections: Check = {
  name: "connections",
  title: "connections, transactions and locks",
  async examine({ ask, role }) {
    const [seen] = await ask<{
      used: number
      most: number
      idleLimit: string
      idle: number
      longest: number | null
      waiting: number
    }>(sql)
    const { used, most, idleLimit, idle, longest, waiting } = seen!
    const findings: Finding[] = []
    if (used > 0.8 * most) {
      findings.push({
        check: this.name,
        severity: "critical",
        subject: "max_connections",
        what: `${used} of ${most} connections are taken.`,
        why: "The next process of the store that starts cannot connect. Each process of Medusa takes as many as its pool allows.",
        evidence: { used, most },
        fix: {
          sql: [],
          undo: [],
          locks: "None.",
          remark:
            "Fewer connections a process (databaseDriverOptions.pool.max), or PgBouncer between: pegasus pgbouncer prints a configuration.",
          isMigration: false,
        },
      })
    }
    if (!role.seesStatistics) return findings
    if (idle > 0) {
      findings.push({
        check: this.name,
        severity: "warning",
        subject: "idle in transaction",
        what: `${idle} connections have been idle inside a transaction for more than 30 seconds.`,
        why: "They hold locks and a connection each, and no vacuum may clear what they might still see.",
        evidence: { connections: idle, idle_in_transaction_session_timeout: idleLimit },
        fix: changeSetting(
          "idle_in_transaction_session_timeout",
          "60s",
          "Find what opens a transaction and then waits for something else: an HTTP call inside one, mostly.",
        ),
      })
    }
    if (longest !== null) {
      findings.push({
        check: this.name,
        severity: "warning",
        subject: "long transactions",
        what: `A transaction has been open for ${Math.round(longest / 60)} minutes.`,
        why: "Nothing that was deleted or changed since can be vacuumed, in any table.",
        evidence: { minutes: Math.round(longest / 60) },
      })
    }
    if (waiting > 0) {
      findings.push({
        check: this.name,
        severity: "warning",
        subject: "lock waits",
        what: `${waiting} statements have waited for a lock for more than a second.`,
        why: "Requests stand still behind them. pg_blocking_pids tells who holds it.",
        evidence: { statements: waiting },
      })
    }
    return findings
  },
}
