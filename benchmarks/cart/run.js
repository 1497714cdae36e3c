/**
 * Where the time of a shopper's requests goes, row by row, with no cache and with Pegasus: milliseconds, statements,
 * the processor's time by package, and a flame graph of each.
 *
 *   node benchmarks/cart/run.js [--flows 10] [--db-rtt 1] [--caches off,pegasus] [--page flames.html] [--json results.json] [--statements statements.md]
 *
 * The profiler slows what it watches; how fast rows are without it is told by `pegasus bench rows`.
 */
require("../../scripts/typescript")
const { writeFileSync } = require("node:fs")
const net = require("node:net")
const os = require("node:os")
const path = require("node:path")
const { parseArgs } = require("node:util")
const { readCatalogue } = require("../../src/bench/rows/catalogue.ts")
const { walk } = require("../../src/bench/rows/flow.ts")
const { summarise } = require("../../src/bench/statistics.ts")
const { startStore } = require("../../test/support/store.ts")
const { flames } = require("./flames.js")
const { Profile } = require("./profile.js")
const { shapesOf } = require("./statements.js")

const text = (value) => ({ type: "string", default: value })
const { values: options } = parseArgs({
  options: {
    flows: text("10"),
    caches: text("off,pegasus"),
    "db-rtt": text("1"),
    page: { type: "string" },
    json: { type: "string" },
    statements: { type: "string" },
  },
})
/** Flows before those that count: the store's code is compiled, its catalogue kept. */
const warmup = 6

async function main() {
  const caches = options.caches.split(",")
  const stores = []
  try {
    for (const cache of caches) stores.push(await watchedStore(cache, stores[0]?.ready))
    const described = stores.map(({ ready, cache }) => ({ ...ready, label: cache }))
    const { sizes, hot } = await readCatalogue(described, 0, Math.random)
    const rows = new Map()
    for (let flow = -warmup; flow < Number(options.flows); flow++) {
      for (const [i, store] of described.entries()) {
        const product = hot[(flow + warmup) % hot.length]
        const steps = await watchedFlow(stores[i], store, product[store.label], sizes[store.label])
        if (flow >= 0) for (const step of steps) add(rows, store.label, step)
      }
    }
    tell(rows, caches)
  } finally {
    await Promise.all(stores.map(({ stop }) => stop()))
  }
}

/** On the first store's database. */
async function watchedStore(cache, first) {
  const socket = path.join(os.tmpdir(), `pegasus-bench-${process.pid}-${cache}.sock`)
  const place = first ? ["--database-url", first.databaseUrl, "--redis-url", first.redisUrl] : []
  const args = ["--cache", cache, "--products", "500", "--db-rtt", options["db-rtt"], ...place]
  const env = {
    PEGASUS_BENCH_SOCKET: socket,
    NODE_OPTIONS: `--require ${path.join(__dirname, "watch.js")}`,
    LOG_LEVEL: "warn",
  }
  return { ...(await startStore(args, env)), cache, socket }
}

/** One shopper, each request of whom is watched. */
async function watchedFlow({ socket }, store, productId, catalogueSize) {
  const seen = []
  const counter = {
    async during(act) {
      await say(socket, "begin")
      const value = await act()
      seen.push(await say(socket, "end"))
      return { value, statements: null }
    },
  }
  const { steps, fault } = await walk({ store, productId, catalogueSize, counter })
  if (fault) throw new Error(`${store.label}: ${fault.row}: ${fault.message}`)
  return steps.map(({ row, duration }, i) => ({ row: row.name, duration, ...seen[i] }))
}

function say(socket, word) {
  return new Promise((resolve, reject) => {
    const chunks = []
    net
      .connect(socket, function () {
        this.write(word)
      })
      .on("data", (chunk) => chunks.push(chunk))
      .on("error", reject)
      .on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
  })
}

function add(rows, cache, { row, duration, profile, statements }) {
  const key = JSON.stringify([row, cache])
  if (!rows.has(key)) {
    rows.set(key, { row, cache, durations: [], statements: [], profile: new Profile() })
  }
  const one = rows.get(key)
  one.durations.push(duration)
  one.statements.push(statements)
  one.profile.add(profile)
}

function tell(rows, caches) {
  const results = [...rows.values()].map(({ row, cache, durations, statements, profile }) => {
    const flows = durations.length
    const packages = Object.fromEntries(
      [...profile.byPackage()].map(([name, time]) => [name, Math.round((time / flows) * 100) / 100]),
    )
    const counts = statements.map((sent) => sent.length).sort((a, b) => a - b)
    return {
      ...{ row, cache, milliseconds: Math.round(summarise(durations).p50 * 10) / 10 },
      ...{ statements: counts[Math.floor(flows / 2)], processor: profile.busy / flows, packages },
    }
  })
  for (const { row, cache, milliseconds, statements, processor, packages } of results) {
    const most = Object.entries(packages).slice(0, 9)
    const parts = most.map(([name, time]) => `${name} ${time.toFixed(1)}`).join(", ")
    console.log(
      `${row}, ${cache}: ${milliseconds} ms, ${statements} statements, processor ${processor.toFixed(1)} ms: ${parts}`,
    )
  }
  const command = ["node benchmarks/cart/run.js", ...process.argv.slice(2)].join(" ")
  const machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, node: process.version }
  const about = { date: new Date().toISOString(), command, machine }
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ ...about, results }, null, 2)}\n`)
  if (options.page) writeFileSync(options.page, flames([...rows.values()], about))
  if (options.statements) writeFileSync(options.statements, shapesOf([...rows.values()], caches, about))
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
