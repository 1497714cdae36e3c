/** What the scenarios share: a Redis of their own, the peers, the timing. */
const { spawn } = require("node:child_process")
const { mkdtempSync, rmSync } = require("node:fs")
const { createServer } = require("node:net")
const { tmpdir } = require("node:os")
const path = require("node:path")
const { setTimeout: sleep } = require("node:timers/promises")
const { connect, createCache } = require("../../.medusa/server/src/engine")

const hour = 3_600_000

/** A redis-server on a free port, that keeps nothing. */
async function startRedis() {
  const { default: Redis } = await import("ioredis")
  const port = await freePort()
  const directory = mkdtempSync(path.join(tmpdir(), "pegasus-engine-"))
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
  const server = spawn("redis-server", [...options, "--dir", directory], { stdio: "ignore" })
  const gone = new Promise((resolve) => server.once("exit", resolve))
  server.once("error", (error) => {
    throw new Error(`redis-server does not start: ${error.message}`)
  })
  const url = `redis://127.0.0.1:${port}`
  const client = new Redis(url, { retryStrategy: () => 50 })
  client.on("error", () => undefined)
  await client.ping()
  return {
    url,
    client,
    pid: server.pid,
    async stop() {
      client.disconnect()
      server.kill("SIGCONT")
      server.kill("SIGKILL")
      await gone
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

/** A pegasus cache that has joined the Redis; without a URL, one with its memory only. */
async function pegasus({ url, maxBytes = 256 * 2 ** 20, prefix = "bench" } = {}) {
  const cache = createCache({ prefix, memory: { maxBytes }, ...(url && { redis: connect(url) }) })
  if (url) await until(() => cache.stats().redis === "joined", 5_000)
  return cache
}

/** Medusa's provider, as its module makes it. */
async function medusaProvider(url) {
  const { RedisCachingProvider } = require("@medusajs/caching-redis/dist/services/redis-cache.js")
  const xxhash = await import("xxhash-wasm")
  const { h64ToString: hasher } = await xxhash.default()
  const { default: Redis } = await import("ioredis")
  const redisClient = new Redis(url)
  await redisClient.ping()
  const logger = { warn: console.warn, info: () => undefined }
  const provider = new RedisCachingProvider({ redisClient, logger, prefix: "mc:", hasher })
  return { provider, close: () => redisClient.disconnect() }
}

async function until(condition, patience) {
  const deadline = performance.now() + patience
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${patience} ms: ${condition}`)
    await sleep(2)
  }
}

/**
 * Times the candidates in turns, so that a disturbance of the machine meets all of them.
 * @returns a list of samples for each, in microseconds per call
 */
async function inTurns(candidates, { rounds = 15, budget = 60 } = {}) {
  const samples = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]))
  const counts = {}
  for (const [name, call] of Object.entries(candidates)) {
    let count = 1
    let micros = 0
    for (let spent = 0; spent < 4 * budget; spent += (micros * count) / 1_000) {
      count = micros === 0 ? 1 : Math.max(1, Math.ceil((budget * 1_000) / micros / 2))
      micros = await timed(call, count)
    }
    counts[name] = Math.max(1, Math.ceil((budget * 1_000) / micros))
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, call] of Object.entries(candidates)) samples[name].push(await timed(call, counts[name]))
  }
  return samples
}

async function timed(call, count) {
  const start = process.hrtime.bigint()
  for (let index = 0; index < count; index++) await call(index)
  return Number(process.hrtime.bigint() - start) / 1_000 / count
}

/** Calls `task` for 0 … count - 1, so many at a time. */
async function inParallel(count, width, task) {
  let next = 0
  const worker = async () => {
    while (next < count) await task(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

/** What Redis executed meanwhile: calls per command, those inside of scripts included. */
async function commandsDuring(client, work) {
  await client.config("RESETSTAT")
  await work()
  const calls = {}
  for (const [, name, count] of (await client.info("commandstats")).matchAll(/cmdstat_(\S+?):calls=(\d+)/g)) {
    if (name !== "config|resetstat" && name !== "info") calls[name] = Number(count)
  }
  return calls
}

const total = (calls) => Object.values(calls).reduce((sum, count) => sum + count, 0)

function median(samples) {
  return quantile(samples, 0.5)
}

function quantile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** Rows of a scenario that compares times: ours first, the others with how many times ours they take. */
function comparison(unit, samples, targets = {}) {
  const [[ours, oursSamples], ...others] = Object.entries(samples)
  const base = median(oursSamples)
  const rows = [{ name: ours, unit, median: base, samples: oursSamples }]
  for (const [name, times] of others) {
    const ratio = median(times) / base
    rows.push({ name, unit, median: median(times), samples: times, ratio, ...judged(targets[name], ratio) })
  }
  return rows
}

function judged(least, ratio) {
  return least === undefined ? {} : { target: `>= ${least}x`, met: ratio >= least }
}

module.exports = {
  commandsDuring,
  comparison,
  hour,
  inParallel,
  inTurns,
  median,
  medusaProvider,
  pegasus,
  quantile,
  sleep,
  startRedis,
  total,
  until,
}
