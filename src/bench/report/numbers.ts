/** How numbers are written for people. Absent numbers are a dash. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })

/** Milliseconds without unit: "4.3", "191", "30,300". */
export function milliseconds(value: number | null): string {
  if (value === null) return "–"
  return value < 9.95 ? value.toFixed(1) : grouped.format(value)
}

/** A duration with its unit: "4.3 ms", "191 ms", "5.70 s", "30.3 s". */
export function duration(value: number | null): string {
  if (value === null) return "–"
  if (value < 999.5) return `${milliseconds(value)}\u00a0ms`
  return `${(value / 1000).toFixed(value < 9_995 ? 2 : 1)}\u00a0s`
}

export function count(value: number | null): string {
  return value === null ? "–" : grouped.format(value)
}

/** How much less time: "89 %", and "4 % slower" when it is more. */
export function improved(percent: number | null): string {
  if (percent === null) return "–"
  return Math.round(percent) < 0 ? `${count(-percent)} % slower` : parts(percent)
}

/** "89 %"; close to all of it "99.4 %", and never 100. */
export function parts(percent: number): string {
  return percent > 99 ? `${Math.min(99.9, percent).toFixed(1)} %` : `${Math.round(percent)} %`
}

/** "2026-01-31 14:05 UTC" */
export function day(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}
