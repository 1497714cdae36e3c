/**
 * What freshness costs and keeps, on real stores: readers of category pages while products are edited, an edit with and
 * without, an import with readers, the lag from a commit to its being known.
 *
 *   node benchmarks/freshness/run.js [--only churn,edit,import,lag,tracking] [--seconds 15] [--modes off,medusa,pegasus,proxy] [--json results.json]
 *
 * Each mode has a copy of one catalogue of 500 products; only that of Pegasus has triggers. Edits are made by another
 * process on the same database (`admin`), or as SQL beside the stores (`sql`). Every read's answer is checked to be 200 and
 * after each run the pages are compared with those of a store that caches nothing. `proxy`: as `pegasus`, behind `pegasus proxy`.
 */
require("../../scripts/typescript")
const assert = require("node:assert/strict")
const { readFileSync, writeFileSync } = require("node:fs")
const os = require("node:os")
const { setTimeout: sleep } = require("node:timers/promises")
const { parseArgs } = require("node:util")
const Redis = require("ioredis")
const { Client } = require("pg")
const { createDatabase, fillDatabase } = require("../../demo/run/database.ts")
const { need } = require("../../demo/run/services.ts")
const { buildDemo, prepare } = require("../../scripts/setup")
const { optionsOf, startStore } = require("../../test/support/store.ts")
const { isSame } = require("../../test/freshness/survey.ts")
const feed = require("../../src/feed/index.ts")

const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: "churn,edit,import,lag,tracking" },
    seconds: { type: "string", default: "15" },
    modes: { type: "string", default: "medusa,pegasus" },
    json: { type: "string" },
  },
})
const seconds = Number(options.seconds)
const products = 500
const results = []
const stops = []

async function main() {
  await prepare()
  await buildDemo()
  const services = await need(["postgres", "redis"])
  const template = await createDatabase(services.urls.postgres, products)
  await fillDatabase(template, products, new AbortController().signal)
  const run = { lag, edit, churn, import: bulk, tracking }
  for (const name of options.only.split(",")) await run[name](services.urls, template)
  await services.release()
  if (!options.json) return
  const machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, node: process.version }
  const about = {
    date: new Date().toISOString(),
    command: ["node benchmarks/freshness/run.js", ...process.argv.slice(2)].join(" "),
  }
  writeFileSync(options.json, `${JSON.stringify({ ...about, machine, results }, null, 2)}\n`)
}

function note(row) {
  results.push(row)
  console.log(
    Object.entries(row)
      .map(([name, value]) => `${name} ${typeof value === "number" ? round(value) : value}`)
      .join(", "),
  )
}

/** A store of one mode on a copy of its own; `beside` on the same copy. */
async function store(urls, template, mode, beside, env = {}) {
  const name = beside?.name ?? `pegasus_bench_${mode}_${Date.now()}`
  const url = new URL(urls.postgres)
  url.pathname = `/${name}`
  if (!beside) {
    await query(urls.postgres, `create database ${name} template ${new URL(template).pathname.slice(1)}`)
    if (!["pegasus", "proxy"].includes(mode))
      await feed.withClient({ connectionString: url.href }, undefined, feed.remove)
  }
  const placed = ["--products", String(products), "--database-url", url.href, "--redis-url", urls.redis]
  const started = await startStore([...optionsOf(mode), ...placed], env)
  const { ready } = started
  const stop = async () => {
    await started.stop()
    if (!beside) await query(urls.postgres, `drop database ${name} with (force)`)
  }
  stops.push(stop)
  const database = new Client({ connectionString: url.href })
  await database.connect()
  const { token } = await json(`${ready.url}/auth/user/emailpass`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: ready.adminEmail, password: ready.adminPassword }),
  })
  return {
    ...ready,
    mode,
    name,
    database,
    get: (path) =>
      json(`${ready.url}${path}`, { headers: { "x-publishable-api-key": ready.publishableKey } }),
    admin: (path, body, method = "POST") =>
      json(`${ready.url}/admin/${path}`, {
        method,
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      }),
    async stop() {
      await database.end()
      stops.splice(stops.indexOf(stop), 1)
      await stop()
    },
  }
}

async function json(url, init) {
  const response = await fetch(url, init)
  const text = await response.text()
  if (!response.ok) throw new Error(`${init?.method ?? "GET"} ${url}: ${response.status} ${text}`)
  return text === "" ? {} : JSON.parse(text)
}

const query = (url, sql) =>
  feed.withClient({ connectionString: url }, undefined, (client) => client.query(sql))

/** What Medusa's starter shop asks of a category: 12 products with prices; of the 12 largest categories. */
async function pagesOf(one) {
  const { rows } = await one.database.query(`
    select product_category_id as id, count(*) from product_category_product group by 1 order by 2 desc limit 12`)
  return rows.map(
    ({ id }) =>
      `/store/products?category_id=${id}&limit=12&region_id=${one.regionId}&fields=*variants.calculated_price,*variants.images,%2Bmetadata,%2Btags,`,
  )
}

async function idsOf(one) {
  return (await one.database.query("select id from product where deleted_at is null order by id")).rows.map(
    ({ id }) => id,
  )
}

/** Readers until the time is over. @returns answers a second */
async function read(one, pages, during) {
  let [answers, over] = [0, false]
  const reader = async (at) => {
    while (!over) {
      await one.get(pages[at++ % pages.length])
      answers++
    }
  }
  const started = performance.now()
  const readers = Array.from({ length: 8 }, (_, index) => reader(index))
  await during()
  over = true
  await Promise.all(readers)
  return (answers / (performance.now() - started)) * 1_000
}

/** So many edits a second, of products by chance, for the time of a run. @returns how many were made */
async function edit_(rate, edit) {
  const end = performance.now() + seconds * 1_000
  let [made, failed] = [0, undefined]
  const underWay = new Set()
  for (let next = performance.now(); next < end && !failed; next += 1_000 / rate) {
    await sleep(Math.max(0, next - performance.now()))
    const one = edit(made++).catch((error) => {
      failed = error
    })
    underWay.add(one)
    one.finally(() => underWay.delete(one))
  }
  await Promise.all(underWay)
  if (failed) throw failed
  return made
}

async function churn(urls, template) {
  for (const mode of options.modes.split(",")) {
    const one = await store(urls, template, mode)
    const editor = await store(urls, template, mode, one)
    const truth = await store(urls, template, "off", one)
    const [pages, ids] = [await pagesOf(one), await idsOf(one)]
    const by = {
      sql: (count) =>
        one.database.query("update product set title = $2, updated_at = now() where id = $1", [
          ids[(count * 7919) % ids.length],
          `Edited ${count}`,
        ]),
      admin: (count) =>
        editor.admin(`products/${ids[(count * 7919) % ids.length]}`, { title: `Edited ${count}` }),
    }
    await read(one, pages, () => sleep(5_000))
    const calm = []
    const rates = []
    for (const [how, rate] of [
      ["admin", 2],
      ["sql", 2],
      ["sql", 20],
      ["admin", 2],
      ["sql", 2],
      ["sql", 20],
    ]) {
      calm.push(await read(one, pages, () => sleep(seconds * 500)))
      rates.push([how, rate, await read(one, pages, () => edit_(rate, by[how]))])
      const isFresh = await Promise.all(
        pages.map(async (page) => isSame(await one.get(page), await truth.get(page))),
      )
      note({
        what: "churn",
        mode,
        how,
        editsPerSecond: rate,
        calm: calm.at(-1),
        read: rates.at(-1)[2],
        share: rates.at(-1)[2] / calm.at(-1),
        freshPages: isFresh.filter(Boolean).length,
        pages: pages.length,
      })
    }
    for (const each of [truth, editor, one]) await each.stop()
  }
}

async function edit(urls, template) {
  const stores = []
  for (const mode of ["off", "medusa", "pegasus"]) stores.push(await store(urls, template, mode))
  const times = new Map(stores.map(({ mode }) => [mode, { admin: [], sql: [] }]))
  for (let count = -5; count < 60; count++) {
    for (const one of stores.toSorted(() => Math.random() - 0.5)) {
      one.ids ??= await idsOf(one)
      const { ids } = one
      const id = ids[((count + 5) * 3) % ids.length]
      const timed = async (kind, work) => {
        const started = performance.now()
        await work()
        if (count >= 0) times.get(one.mode)[kind].push(performance.now() - started)
      }
      await timed("admin", () => one.admin(`products/${id}`, { title: `Edited ${count}` }))
      for (let again = 0; again < 10; again++)
        await timed("sql", () =>
          one.database.query("update product set title = $2, updated_at = now() where id = $1", [
            id,
            `SQL ${count} ${again}`,
          ]),
        )
    }
  }
  for (const kind of ["admin", "sql"]) {
    const off = median(times.get("off")[kind])
    for (const [mode, each] of times)
      note({
        what: `edit by ${kind}`,
        mode,
        median: median(each[kind]),
        times: median(each[kind]) / off,
        added: median(each[kind]) - off,
      })
  }
  for (const one of stores) await one.stop()
}

async function lag(urls, template) {
  const one = await store(urls, template, "pegasus")
  const ids = await idsOf(one)
  const seen = new Map()
  const told = feed.postgresFeed({
    connection: { connectionString: one.databaseUrl },
    onChanges: (changes) => {
      for (const { table, keys } of changes)
        if (table === "product") for (const id of keys.id) seen.set(id, performance.now())
    },
    onGap: () => undefined,
    onTrust: () => undefined,
  })
  assert.ok(await told.settled(5_000))
  const lags = []
  await edit_(100, async (count) => {
    const id = ids[count % ids.length]
    seen.delete(id)
    await one.database.query("update product set title = $2 where id = $1", [id, `Lag ${count}`])
    const acknowledged = performance.now()
    while (!seen.has(id)) await sleep(0)
    lags.push(Math.max(0, seen.get(id) - acknowledged))
  })
  await told.close()
  lags.sort((a, b) => a - b)
  const at = (share) => lags[Math.floor(share * (lags.length - 1))]
  note({
    what: "lag after the acknowledgement, ms",
    changes: lags.length,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
  })
  await one.stop()
}

/** 10,000 variants by Medusa's own workflow, 20 products of 10 at a time, while readers read. */
async function bulk(urls, template) {
  const redis = new Redis(urls.redis)
  for (const mode of ["off", "pegasus"]) {
    const one = await store(urls, template, mode)
    const truth = mode === "off" ? one : await store(urls, template, "off", one)
    const pages = await pagesOf(one)
    const [like] = (
      await one.database.query(`select product_id, shipping_profile_id, sales_channel_id, product_category_id
        from product_category_product join product_shipping_profile using (product_id) join product_sales_channel using (product_id) limit 1`)
    ).rows
    let time = 0
    const memory = []
    const sampling = setInterval(() => memory.push(residentOf(one.pid)), 500)
    const before = await commandsOf(redis)
    const rate = await read(one, pages, async () => {
      await sleep(2_000)
      const started = performance.now()
      for (let batch = 0; batch < 50; batch++) {
        const create = Array.from({ length: 20 }, (_, n) => imported(batch * 20 + n, like))
        await one.admin("products/batch", { create })
      }
      time = performance.now() - started
    })
    clearInterval(sampling)
    const commands = (await commandsOf(redis)) - before
    await sleep(1_000)
    const isFresh = []
    for (const page of pages) isFresh.push(isSame(await one.get(page), await truth.get(page)))
    note({
      what: "import of 10,000 variants by the batch workflow, with readers",
      mode,
      milliseconds: time,
      readersPerSecond: rate,
      redisCommandsPerVariant: commands / 10_000,
      megabytesAfterATenth: memory[Math.floor(memory.length / 10)],
      megabytesAtMost: Math.max(...memory),
      megabytesAtTheEnd: memory.at(-1),
      freshAfterOneSecond: isFresh.filter(Boolean).length,
      pages: pages.length,
    })
    if (truth !== one) await truth.stop()
    await one.stop()
  }
  redis.disconnect()
}

function imported(number, { shipping_profile_id, sales_channel_id, product_category_id }) {
  const sizes = Array.from({ length: 10 }, (_, size) => `S${size}`)
  return {
    title: `Imported ${number}`,
    handle: `imported-${number}`,
    status: "published",
    shipping_profile_id,
    sales_channels: [{ id: sales_channel_id }],
    categories: [{ id: product_category_id }],
    options: [{ title: "Size", values: sizes }],
    variants: sizes.map((size) => ({
      title: size,
      options: { Size: size },
      manage_inventory: false,
      prices: [{ currency_code: "eur", amount: 5 }],
    })),
  }
}

/** Of a process, in megabytes. */
const residentOf = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1_024

/** How many commands a Redis has been given. */
async function commandsOf(redis) {
  const counted = [...(await redis.info("stats")).matchAll(/^total_commands_processed:(\d+)/gm)]
  return Number(counted[0][1])
}

/** A cold product list with tracking and without: two stores with Pegasus, one of which hears events only. */
async function tracking(urls, template) {
  const stores = []
  for (const source of ["events", "postgres"]) {
    stores.push({
      source,
      times: [],
      ...(await store(urls, template, "pegasus", undefined, { PEGASUS_DEMO_FEED: source })),
    })
  }
  for (let count = -5; count < 60; count++) {
    for (const one of stores.toSorted(() => Math.random() - 0.5)) {
      const started = performance.now()
      // Another offset each time: nothing of it is cached.
      await one.get(`/store/products?limit=50&offset=${(count + 5) * 7}&region_id=${one.regionId}`)
      if (count >= 0) one.times.push(performance.now() - started)
    }
  }
  const [without, with_] = stores.map(({ times }) => median(times))
  note({ what: "cold product list of 50, ms", without, with: with_, times: with_ / without })
  for (const one of stores) await one.stop()
}

const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]
const round = (value) =>
  Number.isInteger(value) ? value : value >= 100 ? value.toFixed(0) : value.toPrecision(3)

process.on("SIGINT", () => process.exit(130))
main().then(
  () => process.exit(0),
  async (error) => {
    console.error(error)
    for (const stop of stops) await stop().catch(() => undefined)
    process.exit(1)
  },
)
