import { Markup } from "./markup"

/** The look of the page: system fonts, one quiet colour a store, light and dark, and paper. */
export const style = new Markup(`
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --card: #ffffff; --ink: #1b2430; --soft: #5d6876; --line: #e4e6e3;
  --baseline: #b3bac3; --between-0: #86a8d4; --between-1: #b79bd0; --between-2: #cfae6a; --star: #0e7a6d;
  --floor: #1b2430; --slow: #b0441a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #11151a; --card: #181d24; --ink: #e8ebee; --soft: #9aa5b1; --line: #2a313a;
    --baseline: #5d6875; --between-0: #5b86bd; --between-1: #8d71a8; --between-2: #a58646; --star: #43c3b0;
    --floor: #e8ebee; --slow: #f0946a;
  }
}
* { box-sizing: border-box }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; -webkit-font-smoothing: antialiased;
}
main { max-width: 1120px; margin: 0 auto; padding: 72px 32px 56px }
.eyebrow { margin: 0 0 14px; color: var(--star); font-size: 14px; font-weight: 600; letter-spacing: .02em }
h1 { margin: 0; font-size: 44px; line-height: 1.14; font-weight: 680; letter-spacing: -.022em; max-width: 21em; text-wrap: balance }
h2 { margin: 0 0 6px; font-size: 25px; font-weight: 660; letter-spacing: -.014em; line-height: 1.25 }
p { margin: 0; max-width: 46em }
.lead { margin-top: 18px; font-size: 18px; color: var(--soft) }
.soft, .note { color: var(--soft) }
.note { margin-top: 14px; font-size: 14px }
.slow { color: var(--slow) }
section { margin-top: 72px }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 16px; margin-top: 44px }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 20px 22px 18px }
.card h3 { margin: 0; font-size: 14px; font-weight: 550; color: var(--soft); line-height: 1.4; min-height: 2.8em }
.card .value { margin: 10px 0 8px; font-size: 36px; font-weight: 660; letter-spacing: -.025em; line-height: 1.1 }
.card .gain { font-size: 14px; font-weight: 600; color: var(--star) }
.card .gain.slow { color: var(--slow) }
.card .rest { font-size: 14px; color: var(--soft) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 22px 0 6px; font-size: 14px; color: var(--soft) }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 7px }
svg { display: block; width: 100%; height: auto; margin-top: 10px; overflow: visible }
svg text { font: 12.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink) }
svg .quiet { fill: var(--soft) }
svg .small { font-size: 11px }
svg .strong { font-weight: 650 }
svg .grid { stroke: var(--line); stroke-width: 1 }
svg .floor { stroke: var(--floor); stroke-width: 1; stroke-dasharray: 3 4; opacity: .55 }
.scroll { overflow-x: auto; margin-top: 26px }
table { width: 100%; border-collapse: collapse; font-size: 13px; line-height: 1.4 }
th { font-weight: 550; color: var(--soft); text-align: right; padding: 5px 7px; white-space: nowrap }
td { text-align: right; padding: 6.5px 7px; border-top: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
th:last-child, td:last-child { padding-right: 0 }
thead tr:first-child th[colspan] { text-align: center; border-bottom: 1px solid var(--line) }
.first { padding-left: 20px }
.method { display: inline-block; width: 3.1em; color: var(--soft); font-size: 11.5px; letter-spacing: .02em }
.star { font-weight: 650 }
.sum td { border-top: 2px solid var(--line); font-weight: 650; padding-top: 9px }
.wrong { border-left: 3px solid var(--slow); padding: 2px 0 2px 18px }
.wrong li { font-size: 14px }
footer { margin-top: 80px; padding-top: 26px; border-top: 1px solid var(--line); font-size: 14px }
footer h2 { font-size: 16px; letter-spacing: 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 22px; margin: 14px 0 0 }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
code { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, monospace }
@media (max-width: 640px) {
  main { padding: 40px 18px }
  h1 { font-size: 31px }
}
@media print {
  @page { margin: 13mm }
  body { font-size: 12px; background: #fff; print-color-adjust: exact; -webkit-print-color-adjust: exact }
  main { max-width: none; padding: 0 }
  h1 { font-size: 30px }
  h2 { font-size: 19px }
  .cards { grid-template-columns: repeat(4, 1fr); gap: 10px }
  .card { padding: 14px }
  .card .value { font-size: 24px }
  .card h3, .card .gain, .card .rest { font-size: 11px }
  section { break-before: page; margin-top: 0 }
  section.wrong, footer { break-before: auto; margin-top: 34px }
  svg { width: 66%; margin: 0 auto }
  .cards, .wrong, svg, table, footer { break-inside: avoid }
  .scroll { overflow: visible; margin-top: 12px }
  .legend { margin: 8px 0 0 }
  .note { margin-top: 6px; font-size: 10px; max-width: none }
  table { font-size: 9.5px }
  th, td { padding: 2.5px 4px }
}
`)
