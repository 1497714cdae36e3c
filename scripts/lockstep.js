/**
 * `npm run lockstep`: shoppers by chance, in a store that caches nothing and in one with Pegasus, on equal databases, while prices,
 * taxes, promotions and delivery change. Every answer must be the same. The same seed makes the same shoppers.
 *
 *   npm run lockstep -- --minutes 10 --seed 7
 */
const { parseArgs } = require("node:util")
const { buildDemo, prepare } = require("./setup")

async function main() {
  const text = (value) => ({ type: "string", default: value })
  const chance = String(Math.floor(Math.random() * 1_000_000))
  const { values } = parseArgs({ options: { minutes: text("2"), seed: text(chance) } })
  await prepare()
  await buildDemo()
  const { lockstep } = require("../test/lockstep/run.ts")
  const end = Date.now() + Number(values.minutes) * 60_000
  process.stdout.write(`seed ${values.seed}, ${values.minutes} minutes\n`)
  const tell = (line) => process.stdout.write(`${line}\n`)
  const outcome = await lockstep(Number(values.seed), () => Date.now() > end, tell)
  const { shoppers, requests, differences } = outcome
  process.stdout.write(`${shoppers} shoppers, ${requests} requests, ${differences.length} differences\n`)
  process.exit(differences.length === 0 ? 0 : 1)
}

main()
