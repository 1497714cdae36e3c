import assert from "node:assert/strict"
import { test } from "node:test"
import { createReport, faultLines, renderHtml, renderJson, renderText } from "../../src/bench"
import { Ledger, type RowError } from "../../src/bench/rows/ledger"
import { table } from "../../src/bench/rows/table"
import { parseStore } from "../../src/bench/store"
import { ready } from "./ready"

const nasty = `<script>alert("1 & 'two'")</script>`
const stores = [parseStore("off", ready), parseStore(nasty, ready)]

/** Every row took 100 ms in the first store; in the second 40 ms, but the second row 110 ms. */
function sampleReport() {
  const errors: RowError[] = []
  const settings = (["hot", "first-time"] as const).map((setting) => {
    const ledger = new Ledger(setting, stores, errors)
    const flows = stores.map((_, place) => ({
      steps: table.map((row, i) => {
        const duration = place === 0 ? 100 : i === 1 ? 110 : 40
        return { row, duration, statements: 7, body: {} }
      }),
    }))
    const round = new Map(stores.map((store, place) => [store, flows[place]!]))
    ledger.enter(0, "time", round)
    ledger.enter(1, "count", round)
    return ledger.result()
  })
  const latency = { p2_5: 1, p50: 20, p97_5: 60, p99: 80, average: 25, stdev: 9, max: 90 }
  const figures = {
    latency,
    requestsPerSecond: 400,
    seconds: 1,
    completed: 20,
    errors: 0,
    timeouts: 0,
    non2xx: 0,
  }
  const targets = ["off", nasty, "bare node:http"].map((target) => ({
    target,
    ...figures,
    improvement: null,
    bodyBytes: 2048,
  }))
  return createReport({
    stores,
    command: `pegasus ${nasty}`,
    note: nasty,
    versions: { medusa: nasty },
    date: new Date("2026-01-31T14:05:00Z"),
    rows: { rounds: 1, warmup: 0, settings, errors, notes: [nasty] },
    load: { path: "/store/products?limit=12", connections: 2, requests: 20, targets, errors: [] },
  })
}

test("the page escapes whatever comes from outside", () => {
  const report = sampleReport()
  report.load!.errors.push({ target: nasty, message: nasty })
  const page = renderHtml(report)
  assert.doesNotMatch(page, /<script/)
  assert.match(page, /&lt;script&gt;alert\(&quot;1 &amp; &#39;two&#39;&quot;\)/)
})

test("the page needs nothing from elsewhere", () => {
  const page = renderHtml(sampleReport())
  assert.doesNotMatch(page, /https?:|\bsrc=|\bhref=|@import|url\(/)
  assert.doesNotMatch(page, /undefined|NaN|\[object|Infinity/)
})

test("a slower row is said to be slower, in the terminal and on the page", () => {
  const report = sampleReport()
  assert.match(renderText(report), /GET \/store\/product-categories .* 10 % slower/)
  assert.match(renderHtml(report), /Slower than the baseline: GET \/store\/product-categories/)
})

test("a row has its median, its improvement and its statements", () => {
  const line = renderText(sampleReport())
    .split("\n")
    .find((text) => text.startsWith("POST /store/carts/:id/line-items"))!
  assert.deepEqual(line.trim().split(/\s{2,}/), [
    "POST /store/carts/:id/line-items",
    "100",
    "40",
    "60 %",
    "7",
    "7",
  ])
})

test("no key and no password goes into a report", () => {
  const report = sampleReport()
  for (const text of [renderJson(report), renderHtml(report), renderText(report)]) {
    assert.doesNotMatch(text, /a-secret-of|pk_1/)
  }
})

test("wrong answers are listed wherever the report is read", () => {
  const report = sampleReport()
  assert.deepEqual(faultLines(report), [])
  const row = table[0]!.name
  report.rows!.errors.push({ setting: "hot", round: 2, store: "off", row, message: "status 500" })
  const line = `off, hot, round 2: ${row}: status 500`
  assert.deepEqual(faultLines(report), [line])
  assert.ok(renderText(report).includes(line))
  assert.match(renderHtml(report), /1 wrong answer/)
})

test("a run in which nothing was right still has a report", () => {
  const ledger = new Ledger("hot", stores, [])
  const settings = [ledger.result(), new Ledger("first-time", stores, []).result()]
  const rows = { rounds: 1, warmup: 0, settings, errors: [], notes: [] }
  const report = createReport({ stores, command: "pegasus", rows })
  assert.doesNotMatch(renderHtml(report) + renderText(report), /NaN|undefined|Infinity/)
})
