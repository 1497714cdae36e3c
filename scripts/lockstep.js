/**
 * `npm run lockstep`: shoppers by chance, in a store that caches nothing and in one with Pegasus, on equal databases, while prices,
 * taxes, promotions and delivery change. Every answer must be the same. The same seed makes the same shoppers.
 *
 *   npm run lockstep -- --minutes 10 --seed 7
 *   npm run lockstep -- --buyers 100 --pieces 10    many buyers for few pieces, in each store on its own
 *   npm run lockstep -- --carts 50 --minutes 5      many carts at once while prices change, in each store on its own
 *   --modules redis    Medusa's events, workflows and locks on Redis, as in stores of several processes
 */
const { parseArgs } = require("node:util")
const { buildDemo, prepare } = require("./setup")

async function main() {
  const text = (value) => ({ type: "string", default: value })
  const chance = String(Math.floor(Math.random() * 1_000_000))
  const crowds = { buyers: { type: "string" }, pieces: text("10"), carts: { type: "string" } }
  const options = { minutes: text("2"), seed: text(chance), modules: text("memory"), ...crowds }
  const { values } = parseArgs({ options })
  process.env.PEGASUS_STORE_MODULES = values.modules
  await prepare()
  await buildDemo()
  if (values.buyers) return compete(Number(values.buyers), Number(values.pieces))
  if (values.carts) return crowded(Number(values.carts), Number(values.minutes), Number(values.seed))
  const { lockstep } = require("../test/lockstep/run.ts")
  const end = Date.now() + Number(values.minutes) * 60_000
  process.stdout.write(`seed ${values.seed}, ${values.minutes} minutes\n`)
  const tell = (line) => process.stdout.write(`${line}\n`)
  const outcome = await lockstep(Number(values.seed), () => Date.now() > end, tell)
  const { shoppers, requests, differences } = outcome
  process.stdout.write(`${shoppers} shoppers, ${requests} requests, ${differences.length} differences\n`)
  process.exit(differences.length === 0 ? 0 : 1)
}

async function compete(buyers, pieces) {
  const { rush } = require("../test/lockstep/rush.ts")
  await inEach(async (cache) => {
    const outcome = await rush(cache, buyers, pieces)
    process.stdout.write(`${cache}: ${JSON.stringify(outcome)}\n`)
    return outcome.orders <= pieces && outcome.reserved <= pieces && outcome.wrongTotals === 0
  })
}

async function crowded(carts, minutes, seed) {
  const { crowd } = require("../test/lockstep/crowd.ts")
  await inEach(async (cache) => {
    const { wrong, ...counts } = await crowd({ cache, carts, duration: minutes * 60_000, seed })
    process.stdout.write(`${cache}: ${JSON.stringify({ ...counts, wrong: wrong.length })}\n`)
    for (const line of wrong.slice(0, 10)) process.stdout.write(`  ${line}\n`)
    return wrong.length === 0
  })
}

/** Ends the process with whether it was right in both. */
async function inEach(run) {
  let isRight = true
  for (const cache of ["off", "pegasus"]) isRight = (await run(cache)) && isRight
  process.exit(isRight ? 0 : 1)
}

main()
