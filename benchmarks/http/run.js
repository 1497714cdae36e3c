/**
 * Hits of the HTTP cache beside bare `node:http` that sends the same bytes, in one run, in turns; a cold crowd in two
 * processes; and readers while someone invents URLs.
 *
 *   node benchmarks/http/run.js [--only hits,crowd,inventor] [--seconds 3] [--rounds 5] [--minutes 1] [--proxy] [--json results.json]
 *
 * Each answer is compared with that of a store that caches nothing before it is timed. The store runs as it does in
 * production; `LOG_LEVEL=warn` leaves out the access log. With `--proxy` hits are those of `pegasus proxy` before the store.
 */
require("../../scripts/typescript")
const assert = require("node:assert/strict")
const { fork } = require("node:child_process")
const { readFileSync, writeFileSync } = require("node:fs")
const os = require("node:os")
const path = require("node:path")
const { setTimeout: sleep } = require("node:timers/promises")
const { parseArgs } = require("node:util")
const { optionsOf, startStore } = require("../../test/support/store.ts")
const { isSame } = require("../../test/freshness/survey.ts")

const text = (value) => ({ type: "string", default: value })
const { values: options } = parseArgs({
  options: {
    only: text("hits,crowd,inventor"),
    seconds: text("3"),
    rounds: text("5"),
    minutes: text("1"),
    proxy: { type: "boolean", default: false },
    json: { type: "string" },
  },
})
const rounds = Number(options.rounds)
const results = []

async function main() {
  const first = await startStore([...optionsOf(kind), "--products", "500"])
  const run = { hits, crowd, inventor }
  for (const name of options.only.split(",")) await run[name](first.ready)
  await first.stop()
  if (!options.json) return
  const machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, node: process.version }
  const command = ["node benchmarks/http/run.js", ...process.argv.slice(2)].join(" ")
  const about = { date: new Date().toISOString(), command, logLevel: process.env.LOG_LEVEL ?? "http" }
  writeFileSync(options.json, `${JSON.stringify({ ...about, machine, results }, null, 2)}\n`)
}

/** Of the stores that are measured. */
const kind = options.proxy ? "proxy" : "pegasus"

/** Works with another store on the same database, which is stopped then. */
async function withStore({ databaseUrl, redisUrl }, kind, work) {
  const place = ["--products", "500", "--database-url", databaseUrl, "--redis-url", redisUrl]
  const store = await startStore([...optionsOf(kind), ...place])
  try {
    return await work(store.ready)
  } finally {
    await store.stop()
  }
}

function note(row) {
  results.push(row)
  const figure = (value) =>
    typeof value !== "number" || Number.isInteger(value) ? value : Number(value.toPrecision(3))
  console.log(
    Object.entries(row)
      .map(([name, value]) => `${name} ${figure(value)}`)
      .join(", "),
  )
}

const keyOf = ({ publishableKey }) => ({ "x-publishable-api-key": publishableKey })

async function ask(store, path, headers = {}) {
  const response = await fetch(`${store.url}${path}`, {
    headers: { "accept-encoding": "identity", ...keyOf(store), ...headers },
  })
  const body = Buffer.from(await response.arrayBuffer())
  assert.equal(response.status, 200, path)
  return { body, status: response.headers.get("cache-status") ?? "" }
}

function started(file) {
  const child = fork(path.join(__dirname, file))
  const tell = (message) =>
    new Promise((resolve) => {
      child.once("message", resolve)
      child.send(message)
    })
  return { tell, stop: () => child.kill() }
}

async function hits(store) {
  const loader = started("load.js")
  const rows = [
    ["list of 12", "/store/products?limit=12"],
    ["regions", "/store/regions"],
  ]
  const truths = await withStore(store, "off", (truth) =>
    Promise.all(rows.map(([, path]) => ask(truth, path))),
  )
  for (const [what, path] of rows) {
    const expected = truths.shift()
    for (let time = 0; time < 4; time++) {
      for (const encoding of ["identity", "gzip", "br"]) {
        const { body } = await ask(store, path, { "accept-encoding": encoding })
        assert.ok(isSame(JSON.parse(body), JSON.parse(expected.body)), `${what} is the same`)
        await sleep(100)
      }
    }
    const { body, status } = await ask(store, path)
    assert.match(status, /hit/)
    const bare = started("bare.js")
    const port = await bare.tell(body.toString("base64"))
    const rates = (port, connections, headers) =>
      loader.tell({
        port,
        path,
        connections,
        headers: { ...keyOf(store), ...headers },
        seconds: Number(options.seconds),
      })
    const own = Number(new URL(store.url).port)
    for (const [connections, encoding] of [
      [50, "identity"],
      [500, "identity"],
      [50, "gzip"],
      [50, "br"],
    ]) {
      const pairs = []
      for (let round = 0; round < rounds; round++) {
        const left = () => rates(port, connections, {})
        const right = () => rates(own, connections, { "accept-encoding": encoding })
        const [plain, ours] =
          round % 2 === 0 ? [await left(), await right()] : (await both(right, left)).reverse()
        assert.equal(plain.bad + ours.bad, 0, "every answer was 200")
        pairs.push({ plain, ours, rate: ours.rate / plain.rate, mean: ours.mean / plain.mean })
      }
      note({
        what,
        bytes: body.length,
        connections,
        encoding,
        bare: median(pairs.map(({ plain }) => plain.rate)),
        pegasus: median(pairs.map(({ ours }) => ours.rate)),
        ratio: median(pairs.map(({ rate }) => rate)),
        latency: median(pairs.map(({ mean }) => mean)),
        p99: median(pairs.map(({ ours }) => ours.p99)),
        bareP99: median(pairs.map(({ plain }) => plain.p99)),
      })
    }
    bare.stop()
  }
  loader.stop()
}

const both = async (one, other) => [await one(), await other()]

/** 500 ask two processes for what nobody has asked for yet. */
const crowd = (first) => withStore(first, kind, (second) => crowdAt(first, second))

async function crowdAt(first, second) {
  for (let round = 0; round < rounds; round++) {
    const path = `/store/products?limit=12&offset=${20 + round}`
    const began = performance.now()
    const asked = Array.from({ length: 500 }, (_, index) => ask(index % 2 === 0 ? first : second, path))
    const answers = await Promise.all(asked)
    note({
      what: "500 ask for a cold list, two processes",
      milliseconds: performance.now() - began,
      renders: answers.filter(({ status }) => status.includes("stored")).length,
      different: new Set(answers.map(({ body }) => body.toString())).size,
    })
  }
}

/** Someone asks for ever new URLs; readers ask for twenty pages. */
async function inventor(store) {
  const pages = Array.from({ length: 20 }, (_, page) => `/store/products?limit=12&offset=${12 * page}`)
  for (const page of pages) for (let time = 0; time < 3; time++) await ask(store, page)
  const before = residentOf(store.proxyPid ?? store.pid)
  const end = Date.now() + Number(options.minutes) * 60_000
  let [invented, hits, asked, most] = [0, 0, 0, 0]
  const invent = async () => {
    for (let number = 0; Date.now() < end; number++) {
      const response = await fetch(
        `${store.url}/store/products?limit=${1 + (number % 40)}&offset=${number}&q=x${number}`,
        { headers: keyOf(store) },
      )
      await response.arrayBuffer()
      invented++
    }
  }
  const read = async () => {
    for (let number = 0; Date.now() < end; number++) {
      const { status } = await ask(store, pages[number % pages.length])
      asked++
      if (status.includes("hit")) hits++
      most = Math.max(most, residentOf(store.proxyPid ?? store.pid))
      await sleep(20)
    }
  }
  await Promise.all([invent(), invent(), read()])
  note({
    what: "someone invents URLs",
    minutes: Number(options.minutes),
    invented,
    hitRatioOfReaders: hits / asked,
    megabytesBefore: before,
    megabytesAtMost: most,
  })
}

/** Of a process, in megabytes. */
const residentOf = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1_024
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]

process.on("SIGINT", () => process.exit(130))
main().then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
