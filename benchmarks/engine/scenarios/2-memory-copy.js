/** A hit in memory with a copy of the caller's own: a product of 13 KB. */
const assert = require("node:assert/strict")
const { comparison, hour, inTurns, pegasus } = require("../lib")
const { bentoMemory, cacheableMemory, tags5 } = require("../peers")
const { product } = require("../product")

const title = "memory hit, own copy of a 13 KB product"

async function run() {
  const cache = await pegasus()
  const bento = await bentoMemory({ serialize: true })
  const cacheable = await cacheableMemory({ useClone: true })
  const original = product(1)
  // As an answer of the store has them: dates as text. Then all hold the same.
  const textual = JSON.parse(JSON.stringify(original))
  const text = JSON.stringify(original)
  const tags = tags5("p")

  const ours = (key, value) => () => cache.getOrSet({ key, ttl: hour, tags, load: () => value })
  const candidates = {
    pegasus: ours("text", textual),
    "JSON.parse of its text": async () => JSON.parse(text),
    "bentocache (serialised)": () => bento.getOrSet({ key: "p", ttl: "1h", tags, factory: () => textual }),
    "cacheable (clone)": () => cacheable.getOrSet("p", () => textual, { ttl: hour }),
    "pegasus, dates kept as Date": ours("dates", original),
    structuredClone: async () => structuredClone(textual),
  }

  for (const [name, call] of Object.entries(candidates)) {
    const expected = name.includes("Date") ? original : textual
    await call()
    const mine = await call()
    assert.deepEqual(mine, expected)
    mine.variants[0].sku = "changed"
    assert.deepEqual(await call(), expected, `${name} handed out the same object twice`)
  }

  const samples = await inTurns(candidates)
  await Promise.all([cache.close(), bento.disconnect()])
  return comparison("µs", samples, {
    "JSON.parse of its text": 2,
    "bentocache (serialised)": 2,
    "cacheable (clone)": 2,
  })
}

module.exports = { title, run }
