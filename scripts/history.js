/**
 * `npm run history`: the history checker at length. The same seed makes the same chances.
 *
 *   npm run history -- --minutes 10 --processes 3 --seed 7 [--store [--proxy]]
 *
 * With --store the processes are real stores on one PostgreSQL, which is harmed too; with --proxy each behind a proxy, which is
 * stopped and blocked like them.
 */
const { parseArgs } = require("node:util")
const { prepare } = require("./setup")

const text = (value) => ({ type: "string", default: value })
const options = {
  minutes: text("2"),
  processes: text("3"),
  store: { type: "boolean", default: false },
  proxy: { type: "boolean", default: false },
  seed: text(String(Math.floor(Math.random() * 1_000_000))),
}

async function main() {
  const { values } = parseArgs({ options })
  await prepare()
  const { run } = require("../test/history/experiment.ts")
  const { runStores } = require("../test/freshness/history.ts")
  const seed = Number(values.seed)
  process.stdout.write(`seed ${seed}, ${values.processes} processes, ${values.minutes} minutes\n`)
  const experiment = { seed, processes: Number(values.processes), duration: Number(values.minutes) * 60_000 }
  const outcome = values.store
    ? await runStores({ ...experiment, proxy: values.proxy })
    : await run({ ...experiment, faults: true })
  for (const fault of outcome.faults) process.stdout.write(`${fault}\n`)
  for (const { read, write } of outcome.violations) {
    process.stdout.write(`stale: ${JSON.stringify(read)} after ${JSON.stringify(write)}\n`)
  }
  const { reads, writes, violations, faults } = outcome
  const counts = `${reads} reads, ${writes} writes, ${faults.length} faults`
  process.stdout.write(`${counts}, ${violations.length} violations\n`)
  process.exit(violations.length === 0 ? 0 : 1)
}

main()
