/** The diagnosis for a terminal. */
import type { Finding } from "../check"
import type { Diagnosis } from "../doctor"
import { counted, drawPlan } from "../plan"
import type { Statement } from "../workload"

export function renderText(diagnosis: Diagnosis): string {
  const { server, findings, hidden, workload } = diagnosis
  return [
    ...(server ? [`PostgreSQL ${server.version}, ${server.database}, seen as ${server.role}`] : []),
    summaryOf(findings),
    ...findings.map(findingText),
    ...(workload ? [workloadText(workload)] : []),
    ...(hidden.length > 0
      ? [["Not seen", ...hidden.map(({ what, remedy }) => `  ${what}: ${remedy}`)].join("\n")]
      : []),
  ].join("\n\n")
}

export function summaryOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return "Nothing found."
  const count = (severity: string, word: string) => {
    const number = findings.filter((finding) => finding.severity === severity).length
    return number === 0 ? [] : [`${number} ${word}${number === 1 ? "" : "s"}`]
  }
  return [
    ...count("critical", "critical finding"),
    ...count("warning", "warning"),
    ...count("note", "note"),
  ].join(", ")
}

function findingText(finding: Finding, index: number): string {
  const { severity, what, why, evidence, statement, fix, lines: settings, gain, check } = finding
  const lines = [`${index + 1}. [${severity}] ${what}`, `   ${why}`]
  const facts = Object.entries(evidence).map(([name, value]) => `${name} ${shown(value)}`)
  if (facts.length > 0) lines.push(`   ${facts.join(", ")}  (${check})`)
  if (statement) lines.push(`   ${shortened(statement)}`)
  if (gain) lines.push(`   ${gainText(gain)}`)
  if (gain?.plans) {
    lines.push("   before:", ...drawPlan(gain.plans.before).map((line) => `     ${line}`))
    lines.push("   after:", ...drawPlan(gain.plans.after).map((line) => `     ${line}`))
  }
  if (settings) lines.push("   In medusa-config:", `     ${settings}`)
  if (fix) {
    lines.push("   Remedy:", ...fix.sql.map((sql) => `     ${sql};`))
    if (fix.remark) lines.push(`     ${fix.remark}`)
    lines.push(`     Locks: ${fix.locks}`)
    if (fix.undo.length > 0) lines.push(`     To take it back: ${fix.undo.join("; ")};`)
  }
  return lines.join("\n")
}

export function gainText({ basis, before, after, saved }: NonNullable<Finding["gain"]>): string {
  const times = before / Math.max(after, 0.001)
  const how =
    basis === "measured"
      ? `Measured with and without: ${before.toFixed(1)} ms, ${after.toFixed(1)} ms`
      : `Priced by the planner: ${counted(before)}, ${counted(after)}`
  const total = saved === undefined ? "" : `; ${duration(saved)} since the statistics began`
  return `${how} (${times >= 10 ? counted(times) : times.toFixed(1)} times less)${total}`
}

function workloadText({ total, byTotal, byMean, byCalls }: NonNullable<Diagnosis["workload"]>): string {
  const table = (title: string, statements: readonly Statement[]) => [
    `  ${title}`,
    ...statements.map(
      ({ text, calls, mean, total }) =>
        `    ${duration(total).padStart(9)} ${`${mean.toFixed(1)} ms`.padStart(11)} x ${counted(calls).padStart(7)}  ${shortened(text, 110)}`,
    ),
  ]
  return [
    `Statements (${duration(total)} in all)`,
    ...table("most time", byTotal),
    ...table("slowest", byMean),
    ...table("most often", byCalls),
  ].join("\n")
}

export const duration = (milliseconds: number): string =>
  milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${Math.round(milliseconds / 1_000)} s`

export const shortened = (text: string, length = 220): string =>
  text.length > length ? `${text.slice(0, length)}…` : text

const shown = (value: string | number) => (typeof value === "number" ? counted(value) : value)
