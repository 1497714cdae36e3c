import type { Check } from "../check"
import { withoutConstants } from "../workload"

/** From here on a statement is slow: the mean, in milliseconds. */
const slowMean = 100
const least = { calls: 3 }
const shown = 5

export const slowStatements: Check = {
  name: "slow-statements",
  title: "the slowest statements",
  async examine({ workload }) {
    const slow =
      workload?.statements.filter(({ mean, calls }) => mean > slowMean && calls >= least.calls) ?? []
    return slow
      .sort((a, b) => b.total - a.total)
      .slice(0, shown)
      .map((statement) => {
        const text = withoutConstants(statement.text)
        return {
          check: this.name,
          severity: "warning" as const,
          subject: text.length > 90 ? `${text.slice(0, 90)}…` : text,
          what: `A statement takes ${Math.round(statement.mean)} ms at each of its ${statement.calls} calls.`,
          why: "A request waits for it, and it holds one of the pool's connections meanwhile.",
          evidence: {
            calls: statement.calls,
            "mean, ms": round(statement.mean),
            "total, ms": round(statement.total),
            "of all time": `${Math.round((100 * statement.total) / workload!.total)} %`,
            "rows a call": round(statement.rows / statement.calls),
          },
          statement: text,
        }
      })
  },
}

const round = (number: number) => Math.round(number * 10) / 10
