/** What is said about the samples of one row on one store; milliseconds. Null when nothing was measured. */
export interface Summary {
  n: number
  p50: number | null
  p95: number | null
  mean: number | null
  min: number | null
}

export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b)
  const n = sorted.length
  if (n === 0) return { n, p50: null, p95: null, mean: null, min: null }
  const mean = sorted.reduce((sum, sample) => sum + sample, 0) / n
  return { n, p50: percentile(sorted, 50), p95: percentile(sorted, 95), mean, min: sorted[0]! }
}

/**
 * Between two samples the value is interpolated, as spreadsheets and numpy do.
 * @param sorted ascending, not empty
 * @param percent 0 to 100
 */
export function percentile(sorted: readonly number[], percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100
  const below = sorted[Math.floor(place)]!
  const above = sorted[Math.ceil(place)]!
  return below + (above - below) * (place - Math.floor(place))
}

/** How much less `value` is than `baseline`, in percent; negative when it is more. */
export function improvement(baseline: number | null, value: number | null): number | null {
  return baseline && value !== null ? (1 - value / baseline) * 100 : null
}

/** The smaller middle one: work in the background only ever adds to a count. */
export function lowerMedian(counts: readonly number[]): number | null {
  const sorted = [...counts].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null
}
