import { type Markup, markup } from "../../page"
import type { SettingResult } from "../rows/ledger"
import { colourOf } from "./colours"
import { count, milliseconds } from "./numbers"
import { partsOf } from "./words"

const width = 1000
const left = 270
const right = 56
const barHeight = 10
const barStep = 13
const gap = 15

/** Every row of a setting: one bar a store, p50 in milliseconds from zero. */
export function barChart({ rows, setting }: SettingResult): Markup {
  const longest = Math.max(1, ...rows.flatMap(({ stores }) => stores.map(({ p50 }) => p50 ?? 0)))
  const perMillisecond = (width - left - right) / longest
  const storeCount = rows[0]!.stores.length
  const group = storeCount * barStep + gap
  const height = rows.length * group + 22
  const ticks = ticksUpTo(longest)

  const grid = ticks.map((tick) => {
    const x = round(left + tick * perMillisecond)
    return markup`<line class="grid" x1="${x}" x2="${x}" y1="0" y2="${height - 22}"/>
<text class="quiet small" x="${x}" y="${height - 4}" text-anchor="middle">${count(tick)}</text>`
  })
  const groups = rows.map(({ row, stores }, i) => {
    const top = i * group + gap / 2
    const middle = round(top + (storeCount * barStep) / 2 + 3)
    const bars = stores.map(({ p50 }, place) => {
      if (p50 === null) return undefined
      const y = round(top + place * barStep)
      const length = round(Math.max(1.5, p50 * perMillisecond))
      const last = place === storeCount - 1
      return markup`<rect x="${left}" y="${y}" width="${length}" height="${barHeight}" rx="2"
 fill="${colourOf(place, storeCount)}"/>
<text class="small ${last ? "strong" : "quiet"}" x="${round(left + length + 6)}" y="${round(y + 9)}"
>${milliseconds(p50)}</text>`
    })
    const { method, path } = partsOf(row)
    return markup`<text x="${left - 16}" y="${middle}" text-anchor="end"
><tspan class="quiet small">${method}</tspan> ${path}</text>${bars}`
  })
  const title = `Median time of every row in milliseconds, ${setting} products`
  return markup`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${grid}${groups}</svg>`
}

/** Four to eight round numbers from zero on. */
function ticksUpTo(longest: number): number[] {
  const rough = longest / 5
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= rough)!
  return Array.from({ length: Math.floor(longest / step) + 1 }, (_, i) => i * step)
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}
