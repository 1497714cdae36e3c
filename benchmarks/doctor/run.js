/**
 * A store that has grown, before and after the doctor: two copies of one database, one left as it is, one treated with the migration
 * that `pegasus doctor --try` writes; real stores on both, asked in turns. Answers must be equal.
 *
 *   node benchmarks/doctor/run.js [--orders 200000] [--rounds 7] [--json FILE]
 */
require("../../scripts/typescript")
const { writeFileSync } = require("node:fs")
const { parseArgs } = require("node:util")
const { createDatabase: demoDatabase, fillDatabase } = require("../../demo/run/database")
const { growDatabase } = require("../../demo/run/grow")
const { need } = require("../../demo/run/services")
const { prepare, buildDemo } = require("../../scripts/setup")
const { examine, migrationOf } = require("../../src/doctor")
const { thisMachine } = require("../../src/bench/machine")
const { isSame } = require("../../test/freshness/survey")
const { adminTokenOf, ask, bearer, parsed } = require("../../test/support/ask")
const { createDatabase } = require("../../test/support/database")
const { startStore } = require("../../test/support/store")

const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "200000" },
    rounds: { type: "string", default: "7" },
    json: { type: "string" },
  },
})
const orders = Number(values.orders)
const rounds = Number(values.rounds)
const products = 40

const fields = "id,status,created_at,email,display_id,*customer,*sales_channel"
const rows = {
  "admin: orders, newest first": `/admin/orders?order=-created_at&limit=20&fields=${fields}`,
  "admin: orders with payment and totals": `/admin/orders?order=-created_at&limit=20&fields=${fields},payment_status,fulfillment_status,total`,
  "admin: product search": "/admin/products?q=shirt&limit=20&order=-created_at",
  "admin: order search": "/admin/orders?q=lovelace77&limit=20&order=-created_at",
}

async function main() {
  await prepare()
  await buildDemo()
  const services = await need(["postgres", "redis"])
  const { signal } = new AbortController()
  const grown = await demoDatabase(services.urls.postgres, products, orders)
  await fillDatabase(grown, products, signal)
  await growDatabase(grown, orders, signal)
  const left = await createDatabase("pegasus_left", { url: grown })
  const treated = await createDatabase("pegasus_treated", { url: grown })
  const stores = []
  const start = async (name, cache, { url }) => {
    const args = ["--cache", cache, "--database-url", url, "--redis-url", services.urls.redis]
    const store = await startStore([...args, "--products", String(products)])
    const headers = bearer(await adminTokenOf(store.ready))
    const get = async (path) => {
      const begun = performance.now()
      const { status, text } = await ask(store.ready, { method: "GET", path, headers })
      if (status !== 200) throw new Error(`${name}: ${path} answers ${status}`)
      return { time: performance.now() - begun, body: parsed(text) }
    }
    stores.push({ name, get, stop: store.stop })
    return get
  }
  try {
    // The doctor sees what the store asked: each row, as often as an admin may in a morning.
    const get = await start("before", "pegasus", treated)
    for (let time = 0; time < 10; time++) for (const path of Object.values(rows)) await get(path)
    const begun = performance.now()
    const diagnosis = await examine({ databaseUrl: treated.url, mayTry: true })
    console.log(`The doctor took ${Math.round((performance.now() - begun) / 1_000)} s.`)
    const statements = statementsOf(migrationOf(diagnosis.findings))
    for (const statement of statements) await treated.client.query(statement)
    await stores.pop().stop()
    const gains = diagnosis.findings.flatMap(({ subject, gain }) =>
      gain ? [{ subject, before: gain.before, after: gain.after }] : [],
    )
    console.table(gains)

    await start("no cache, as it was", "off", left)
    await start("no cache, treated", "off", treated)
    await start("Pegasus, treated", "pegasus", treated)
    const samples = await measure(stores)
    const report = {
      date: new Date().toISOString(),
      command: ["node benchmarks/doctor/run.js", ...process.argv.slice(2)].join(" "),
      machine: thisMachine(),
      orders,
      statements,
      gains,
      samples,
    }
    console.table(tableOf(samples))
    if (values.json) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
  } finally {
    for (const { stop } of stores) await stop()
    await left.drop()
    await treated.drop()
    await services.release()
  }
}

const statementsOf = (migration) => {
  const [, list] = /const statements = (\[[\s\S]*?\n\])/.exec(migration)
  return JSON.parse(list.replace(/^\s*\/\/.*$/gm, "").replace(/,\s*\]$/, "]"))
}

/** In turns; the first round brings pages into memory. */
async function measure(stores) {
  const samples = {}
  for (const [row, path] of Object.entries(rows)) {
    samples[row] = Object.fromEntries(stores.map(({ name }) => [name, []]))
    for (let round = -1; round < rounds; round++) {
      const answers = []
      for (const { name, get } of stores) {
        const { time, body } = await get(path)
        answers.push(body)
        if (round >= 0) samples[row][name].push(time)
      }
      const other = stores.find((_, i) => !isSame(answers[i], answers[0]))
      if (other) throw new Error(`${row}: ${other.name} answers otherwise than ${stores[0].name}`)
    }
  }
  return samples
}

const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]

const tableOf = (samples) =>
  Object.entries(samples).map(([row, times]) => {
    const [pegasus, left, treated] = ["Pegasus, treated", "no cache, as it was", "no cache, treated"].map(
      (name) => median(times[name]),
    )
    const ms = (time) => Math.round(time)
    return {
      row,
      "as it was": ms(left),
      treated: ms(treated),
      "times less": (left / treated).toFixed(1),
      "with Pegasus": ms(pegasus),
      "times less ": (left / pegasus).toFixed(1),
    }
  })

main()
