import { type Markup, markup } from "../../page"
import type { LoadResult } from "../load"
import { round } from "./bars"
import { colourOf } from "./colours"
import { duration } from "./numbers"

const width = 1000
const left = 160
const right = 40
const lane = 62

/**
 * The latencies under load, a lane a target, on a logarithmic scale: a band from 2.5 % to 97.5 %, a dot at
 * the median, a tick at the slowest. The median of the bare server, the last target, goes through all lanes.
 */
export function laneChart({ targets }: LoadResult): Markup {
  const bounds = targets.flatMap(({ latency }) => [latency.p2_5, latency.max])
  const low = Math.floor(Math.log10(atLeastOne(Math.min(...bounds))))
  const high = Math.max(low + 1, Math.ceil(Math.log10(atLeastOne(Math.max(...bounds)))))
  const x = (value: number) =>
    round(left + ((Math.log10(atLeastOne(value)) - low) / (high - low)) * (width - left - right))
  const bottom = targets.length * lane + 10

  const grid = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)).map(
    (decade) => markup`<line class="grid" x1="${x(decade)}" x2="${x(decade)}" y1="0" y2="${bottom}"/>
<text class="quiet small" x="${x(decade)}" y="${bottom + 18}" text-anchor="middle">${decadeName(decade)}</text>`,
  )
  const lanes = targets.map(({ target, latency }, i) => {
    const y = i * lane + lane / 2 + 10
    const floor = i === targets.length - 1
    const colour = floor ? "var(--floor)" : colourOf(i, targets.length - 1)
    const band = round(Math.max(2, x(latency.p97_5) - x(latency.p2_5)))
    return markup`<text x="${left - 20}" y="${y + 4}" text-anchor="end">${target}</text>
<rect x="${x(latency.p2_5)}" y="${y - 7}" width="${band}" height="14" rx="7" fill="${colour}" opacity=".32"/>
<line x1="${x(latency.max)}" x2="${x(latency.max)}" y1="${y - 7}" y2="${y + 7}" stroke="${colour}"
 stroke-width="1.5"/>
<circle cx="${x(latency.p50)}" cy="${y}" r="6.5" fill="${colour}"/>
<text class="strong" x="${x(latency.p50)}" y="${y - 15}" text-anchor="middle">${duration(latency.p50)}</text>`
  })
  const at = x(targets.at(-1)!.latency.p50)
  return markup`<svg viewBox="0 0 ${width} ${bottom + 24}" role="img"
 aria-label="Latency under load on a logarithmic scale">
${grid}<line class="floor" x1="${at}" x2="${at}" y1="0" y2="${bottom}"/>${lanes}</svg>`
}

/** A latency of less than a millisecond is measured as zero, which has no logarithm. */
function atLeastOne(value: number): number {
  return Math.max(1, value)
}

function decadeName(value: number): string {
  return value < 1000 ? `${value} ms` : `${value / 1000} s`
}
