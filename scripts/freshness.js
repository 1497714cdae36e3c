/**
 * `npm run freshness`: every kind of change, shown: what a cache answers after it, held against a store that caches nothing.
 *
 *   npm run freshness -- --cache pegasus|proxy|medusa
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
  const rows = await survey(values.cache, ({ name, stale, wasStale }) => {
    const where = [...stale, ...(wasStale ? ["before it an earlier one was not seen yet"] : [])]
    process.stdout.write(`${stale.length === 0 ? "seen" : "NOT SEEN"}: ${[name, ...where].join(", ")}\n`)
  })
  const unseen = rows.filter(({ stale }) => stale.length > 0).length
  process.stdout.write(`${rows.length} kinds of change, ${unseen} not seen\n`)
  process.exit(unseen === 0 ? 0 : 1)
}

main()
