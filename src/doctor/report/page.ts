/** The diagnosis as one page that needs nothing else. */
import { framed, Markup, markup } from "../../page"
import type { Finding } from "../check"
import type { Diagnosis } from "../doctor"
import { counted, drawPlan, type PlanNode } from "../plan"
import type { Statement } from "../workload"
import { duration, gainText, summaryOf } from "./text"

const ours = new Markup(`
article { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 22px 26px; margin-top: 22px }
article h3 { margin: 0 0 6px; font-size: 18px; line-height: 1.35 }
article p { margin-top: 6px }
.severity { font-size: 12px; font-weight: 650; letter-spacing: .04em; text-transform: uppercase; color: var(--soft) }
.critical, .warning { color: var(--slow) }
.gain { color: var(--star); font-weight: 600 }
pre { margin: 12px 0 0; padding: 12px 14px; background: var(--paper); border: 1px solid var(--line); border-radius: 9px; overflow-x: auto; font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace }
.plans { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 0 16px }
.plans h4 { margin: 16px 0 0; font-size: 13px; font-weight: 600; color: var(--soft) }
td.statement { text-align: left; white-space: normal; overflow-wrap: anywhere; font: 12px ui-monospace, Menlo, Consolas, monospace }
`)

export function renderPage(diagnosis: Diagnosis): string {
  const { server, findings, hidden, workload, date } = diagnosis
  const headline = summaryOf(findings)
  const body = markup`<header>
<p class="eyebrow">Pegasus doctor, ${date.slice(0, 10)}</p>
<h1>${headline}</h1>
${server && markup`<p class="lead">PostgreSQL ${server.version}, ${server.database}, seen as ${server.role}</p>`}
</header>
<section><h2>Findings</h2>${findings.map(findingArticle)}</section>
${workload && workloadSection(workload)}
${hidden.length > 0 && markup`<section><h2>Not seen</h2><dl>${hidden.map(({ what, remedy }) => markup`<dt>${what}</dt><dd>${remedy}</dd>`)}</dl></section>`}`
  return framed(`Pegasus doctor: ${headline}`, body, ours)
}

function findingArticle({
  severity,
  what,
  why,
  evidence,
  statement,
  fix,
  lines,
  gain,
  check,
}: Finding): Markup {
  return markup`<article>
<p class="severity ${severity}">${severity} · ${check}</p>
<h3>${what}</h3>
<p class="soft">${why}</p>
${gain && markup`<p class="gain">${gainText(gain)}</p>`}
<dl>${Object.entries(evidence).map(([name, value]) => markup`<dt>${name}</dt><dd>${typeof value === "number" ? counted(value) : value}</dd>`)}</dl>
${statement && markup`<pre>${statement}</pre>`}
${lines && markup`<pre>${lines}</pre>`}
${gain?.plans && markup`<div class="plans">${planOf("before", gain.plans.before)}${planOf("after", gain.plans.after)}</div>`}
${fix && fix.sql.length > 0 && markup`<pre>${fix.sql.map((sql) => `${sql};\n`)}</pre>`}
${fix?.remark && markup`<p>${fix.remark}</p>`}
${fix && markup`<p class="note">Locks: ${fix.locks}${fix.undo.length > 0 && ` To take it back: ${fix.undo.join("; ")};`}</p>`}
</article>`
}

const planOf = (title: string, plan: PlanNode): Markup =>
  markup`<div><h4>${title}</h4><pre>${drawPlan(plan).join("\n")}</pre></div>`

function workloadSection({ total, byTotal, byMean, byCalls }: NonNullable<Diagnosis["workload"]>): Markup {
  const table = (title: string, statements: readonly Statement[]) => markup`<div class="scroll"><table>
<thead><tr><th>${title}</th><th>calls</th><th>mean</th><th>in all</th></tr></thead>
<tbody>${statements.map(
    ({ text, calls, mean, total }) =>
      markup`<tr><td class="statement">${text}</td><td>${counted(calls)}</td><td>${mean.toFixed(1)} ms</td><td>${duration(total)}</td></tr>`,
  )}</tbody></table></div>`
  return markup`<section><h2>Statements</h2><p class="soft">${duration(total)} in all since the statistics began.</p>
${table("Most time", byTotal)}${table("Slowest", byMean)}${table("Most often", byCalls)}</section>`
}
