/**
 * `npm run freshness`: every kind of change, shown: what a cache answers after it, held against a store that caches nothing.
 *
 *   npm run freshness -- --cache pegasus|medusa
 *
 * Ends with 0 when everything was fresh.
 */
const { parseArgs } = require("node:util")
const { buildDemo, prepare } = require("./setup")

async function main() {
  const { values } = parseArgs({ options: { cache: { type: "string", default: "pegasus" } } })
  await prepare()
  await buildDemo()
  const { survey } = require("../test/freshness/survey.ts")
  const rows = await survey(values.cache, ({ name, stale }) => {
    process.stdout.write(
      `${stale.length === 0 ? "fresh" : "STALE"}  ${name}${stale.map((where) => `, ${where}`).join("")}\n`,
    )
  })
  const stale = rows.filter((row) => row.stale.length > 0)
  process.stdout.write(`${rows.length} kinds of change, ${stale.length} answered stale\n`)
  process.exit(stale.length === 0 ? 0 : 1)
}

main()
