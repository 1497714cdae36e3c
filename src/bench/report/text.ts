/** The report as a terminal shows it: one table a setting, one for the load. */
import type { LoadResult } from "../load"
import { faultLines, type Report } from "../report"
import type { SettingResult } from "../rows/ledger"
import { count, duration, improved, milliseconds } from "./numbers"
import { loadMeaning, settingMeanings, settingTitles } from "./words"

const shownFaults = 10

export function renderText(report: Report): string {
  const parts = (report.rows?.settings ?? []).map(settingText)
  if (report.load) parts.push(loadText(report.load))
  parts.push(...(report.rows?.notes ?? []))
  const faults = faultLines(report)
  if (faults.length > 0) {
    const more = faults.length - shownFaults
    const lines = faults.slice(0, shownFaults).map((fault) => `  ${fault}`)
    if (more > 0) lines.push(`  and ${more} more`)
    parts.push(["Wrong answers; their times were not counted:", ...lines].join("\n"))
  }
  return `${parts.join("\n\n")}\n`
}

function settingText({ setting, rows, flow }: SettingResult): string {
  const labels = flow.stores.map(({ store }) => store)
  const others = labels.slice(1)
  const counted = flow.stores.some(({ statements }) => statements !== null)
  const head = ["p50 in ms", ...labels, ...others.map((label) => `${label} vs ${labels[0]}`)]
  if (counted) head.push(...labels.map((label) => `SQL ${label}`))
  const lines = [...rows, flow].map(({ row, stores }) => [
    row,
    ...stores.map(({ p50 }) => milliseconds(p50)),
    ...stores.slice(1).map(({ improvement }) => improved(improvement)),
    ...(counted ? stores.map(({ statements }) => count(statements)) : []),
  ])
  return `${settingTitles[setting]}. ${settingMeanings[setting]}\n\n${aligned([head, ...lines])}`
}

function loadText(load: LoadResult): string {
  const head = ["latency", ...load.targets.map(({ target }) => target)]
  const line = (name: string, cell: (target: LoadResult["targets"][number]) => string) => [
    name,
    ...load.targets.map(cell),
  ]
  const lines = [
    line("2.5 %", ({ latency }) => duration(latency.p2_5)),
    line("50 %", ({ latency }) => duration(latency.p50)),
    line("97.5 %", ({ latency }) => duration(latency.p97_5)),
    line("99 %", ({ latency }) => duration(latency.p99)),
    line("Avg", ({ latency }) => duration(latency.average)),
    line("Stdev", ({ latency }) => duration(latency.stdev)),
    line("Max", ({ latency }) => duration(latency.max)),
    line("req/s", ({ requestsPerSecond }) => count(requestsPerSecond)),
    line("errors", ({ errors, timeouts }) => count(errors - timeouts)),
    line("timeouts", ({ timeouts }) => count(timeouts)),
    line("non-2xx", ({ non2xx }) => count(non2xx)),
  ]
  return `Under load. ${loadMeaning(load)}\n\n${aligned([head, ...lines])}`
}

/** The first column to the left, the others to the right; a rule under the head. */
function aligned([head, ...lines]: string[][]): string {
  const widths = head!.map((_, i) => Math.max(...[head!, ...lines].map((line) => line[i]!.length)))
  const text = (line: string[]) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ")
  return [text(head!), widths.map((width) => "─".repeat(width)).join("  "), ...lines.map(text)].join("\n")
}
