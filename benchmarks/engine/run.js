/**
 * The engine beside its peers. Each scenario checks that the answers are right before it takes times.
 *
 *   node benchmarks/engine/run.js [--only 1,4] [--large] [--json results.json]
 *
 * Needs the built package (`npm run build`) and `redis-server` on the PATH.
 */
const { spawnSync } = require("node:child_process")
const { existsSync, readdirSync, readFileSync, writeFileSync } = require("node:fs")
const os = require("node:os")
const path = require("node:path")
const { parseArgs } = require("node:util")

const { values: options } = parseArgs({
  options: { only: { type: "string" }, large: { type: "boolean", default: false }, json: { type: "string" } },
})

async function main() {
  if (!existsSync(path.join(__dirname, "node_modules"))) install()
  const wanted = options.only?.split(",")
  const results = []
  for (const file of readdirSync(path.join(__dirname, "scenarios")).sort()) {
    if (wanted && !wanted.includes(file[0])) continue
    const { title, run } = require(`./scenarios/${file}`)
    console.log(`\n${title}`)
    const rows = await run({ large: options.large })
    for (const row of rows) console.log(line(row))
    results.push({ scenario: path.basename(file, ".js"), title, rows })
  }
  if (options.json) {
    writeFileSync(options.json, `${JSON.stringify({ ...circumstances(), results }, null, 2)}\n`)
    console.log(`\nwritten to ${options.json}`)
  }
}

function install() {
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: __dirname, stdio: "inherit" })
  if (status !== 0) throw new Error("npm ci failed")
}

function line({ name, unit, median, ratio, target, met, note }) {
  const figure = median >= 100 || Number.isInteger(median) ? median.toFixed(0) : median.toPrecision(3)
  const times = ratio === undefined ? "" : `${ratio.toPrecision(3)}x`
  const judged = target === undefined ? "" : `${target} ${met ? "met" : "MISSED"}`
  const columns = [name.padEnd(56), figure.padStart(9), unit.padEnd(8), times.padStart(7), judged, note ?? ""]
  return `  ${columns.join("  ").trimEnd()}`
}

function circumstances() {
  const redis = spawnSync("redis-server", ["--version"], { encoding: "utf8" }).stdout
  const versions = { node: process.version, redis: /v=(\S+)/.exec(redis)?.[1] }
  for (const name of ["bentocache", "cacheable", "lru-cache", "ioredis"])
    versions[name] = versionOf(__dirname, name)
  versions["@medusajs/caching-redis"] = versionOf(path.join(__dirname, "../.."), "@medusajs/caching-redis")
  const [{ model }] = os.cpus()
  return {
    date: new Date().toISOString(),
    command: ["node benchmarks/engine/run.js", ...process.argv.slice(2)].join(" "),
    machine: {
      cpu: model,
      cores: os.cpus().length,
      memory: os.totalmem(),
      os: `${os.type()} ${os.release()}`,
    },
    versions,
  }
}

function versionOf(folder, name) {
  return JSON.parse(readFileSync(path.join(folder, "node_modules", name, "package.json"), "utf8")).version
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
