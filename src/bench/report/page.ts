/** The report as one page that needs nothing else: styles and charts are within, light, dark and on paper. */
import { framed, type Markup, markup } from "../../page"
import type { LoadResult } from "../load"
import { faultLines, type Report } from "../report"
import type { RowResult, SettingResult } from "../rows/ledger"
import { barChart } from "./bars"
import { colourOf } from "./colours"
import { headlineOf, keyFigures } from "./headline"
import { laneChart } from "./lanes"
import { count, day, duration, improved, milliseconds } from "./numbers"
import * as words from "./words"

export function renderHtml(report: Report): string {
  const { rows, load } = report
  const headline = headlineOf(report)
  const body = markup`<header>
<p class="eyebrow">Pegasus bench, ${day(report.date)}</p>
<h1>${headline}</h1>
<p class="lead">${leadOf(report)}</p>
</header>
${cards(report)}
${wrongSection(faultLines(report))}
${rows?.settings.map(settingSection)}
${load && loadSection(load)}
${footer(report)}`
  return framed(headline, body)
}

function leadOf({ note, rows, stores }: Report): string {
  const names = new Intl.ListFormat("en").format(stores.map(({ label }) => `“${label}”`))
  const what = stores.length > 1 ? `${names} measured side by side in one run.` : `${names} measured.`
  return [note, what, rows && words.rowsMeaning].filter(Boolean).join(" ")
}

function cards(report: Report): Markup {
  const items = keyFigures(report).map(
    ({ title, value, gain, slower, others }) => markup`<div class="card">
<h3>${title}</h3>
<p class="value">${value}</p>
<p class="gain ${slower ? "slow" : ""}">${gain}</p>
<p class="rest">${others}</p>
</div>`,
  )
  return markup`<div class="cards">${items}</div>`
}

function wrongSection(faults: string[]): Markup | undefined {
  if (faults.length === 0) return undefined
  return markup`<section class="wrong">
<h2>${faults.length} wrong ${faults.length === 1 ? "answer" : "answers"}</h2>
<p class="soft">The times of these were not counted.</p>
<ul>${faults.slice(0, 20).map((fault) => markup`<li>${fault}</li>`)}</ul>
</section>`
}

function settingSection(result: SettingResult): Markup {
  const { setting, rows, flow } = result
  const labels = flow.stores.map(({ store }) => store)
  const counted = flow.stores.some(({ statements }) => statements !== null)
  const slower = words.slowerRows(result)
  return markup`<section>
<h2>${words.settingTitles[setting]}</h2>
<p class="soft">${words.settingMeanings[setting]} Median time of a request in milliseconds; shorter is better.</p>
${legend(labels)}
${barChart(result)}
<div class="scroll"><table>
<thead>
<tr><th></th><th colspan="${labels.length}">p50 in ms</th><th colspan="${labels.length}">p95 in ms</th>
${labels.length > 1 && markup`<th colspan="${labels.length - 1}">less time than ${labels[0]}</th>`}
${counted && markup`<th colspan="${labels.length}">SQL statements</th>`}</tr>
<tr><th></th>${heads(labels)}${heads(labels)}${heads(labels.slice(1))}${counted && heads(labels)}</tr>
</thead>
<tbody>${rows.map((row) => tableRow(row, counted))}${tableRow(flow, counted, "sum")}</tbody>
</table></div>
${slower && markup`<p class="note slow">${slower}</p>`}
${counted && markup`<p class="note">${words.statementsMeaning}</p>`}
</section>`
}

function heads(labels: string[]): Markup[] {
  return labels.map((label, i) => markup`<th class="${i === 0 ? "first" : ""}">${label}</th>`)
}

function tableRow({ row, stores }: RowResult, counted: boolean, kind = ""): Markup {
  const { method, path } = words.partsOf(row)
  const cells = (texts: string[]) =>
    texts.map((text, i) => {
      const classes = [
        i === 0 && "first",
        i === texts.length - 1 && "star",
        text.includes("slower") && "slow",
      ]
      return markup`<td class="${classes.filter(Boolean).join(" ")}">${text}</td>`
    })
  return markup`<tr class="${kind}">
<td>${method && markup`<span class="method">${method}</span>`}${path}</td>
${cells(stores.map(({ p50 }) => milliseconds(p50)))}
${cells(stores.map(({ p95 }) => milliseconds(p95)))}
${cells(stores.slice(1).map(({ improvement }) => improved(improvement)))}
${counted && cells(stores.map(({ statements }) => count(statements)))}
</tr>`
}

function loadSection(load: LoadResult): Markup {
  const { targets } = load
  const lines: [string, (target: LoadResult["targets"][number]) => string][] = [
    ["2.5 %", ({ latency }) => duration(latency.p2_5)],
    ["50 %", ({ latency }) => duration(latency.p50)],
    ["97.5 %", ({ latency }) => duration(latency.p97_5)],
    ["99 %", ({ latency }) => duration(latency.p99)],
    ["Average", ({ latency }) => duration(latency.average)],
    ["Standard deviation", ({ latency }) => duration(latency.stdev)],
    ["Slowest", ({ latency }) => duration(latency.max)],
    ["Requests a second", ({ requestsPerSecond }) => count(requestsPerSecond)],
    [`Less time than ${targets[0]!.target}, median`, ({ improvement }) => improved(improvement)],
    ["Size of an answer", ({ bodyBytes }) => `${count(bodyBytes / 1024)} KB`],
    ["Errors, timeouts", ({ errors, timeouts }) => `${errors - timeouts}, ${timeouts}`],
    ["Other than 2xx", ({ non2xx }) => count(non2xx)],
  ]
  const body = lines.map(
    ([name, cell]) => markup`<tr><td>${name}</td>${targets.map((one) => markup`<td>${cell(one)}</td>`)}</tr>`,
  )
  return markup`<section>
<h2>Many shoppers at once</h2>
<p class="soft">${words.loadMeaning(load)}</p>
${laneChart(load)}
<p class="note">Logarithmic scale: each line is ten times the one before. The band holds 95 % of the answers,
the dot is the median, the tick the slowest.</p>
<div class="scroll"><table>
<thead><tr><th></th>${targets.map(({ target }) => markup`<th>${target}</th>`)}</tr></thead>
<tbody>${body}</tbody>
</table></div>
</section>`
}

function legend(labels: string[]): Markup {
  const items = labels.map((label, i) => {
    const colour = colourOf(i, labels.length)
    return markup`<span><span class="swatch" style="background:${colour}"></span>${label}</span>`
  })
  return markup`<div class="legend">${items}</div>`
}

function footer({ machine, versions, command, rows, date, stores }: Report): Markup {
  const facts: [string, string][] = [
    ["Machine", `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.platform}`],
    [
      "Versions",
      Object.entries({ node: machine.node, ...versions })
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    ],
    [
      "Stores",
      stores.map(({ label, cache }) => (cache && cache !== label ? `${label} (${cache})` : label)).join(", "),
    ],
    ["Date", day(date)],
  ]
  if (rows)
    facts.push(["Rounds", `${rows.rounds} of each setting, after ${rows.warmup} that were not counted`])
  const entries = facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)
  return markup`<footer>
<h2>How it was measured</h2>
<dl>${entries}<dt>Command</dt><dd><code>${command}</code></dd></dl>
${rows?.notes.map((note) => markup`<p class="note">${note}</p>`)}
<p class="note">The load generator ran on the same machine as the stores.
p50: half of the answers took less. p95: 95 of 100 took less.</p>
</footer>`
}
