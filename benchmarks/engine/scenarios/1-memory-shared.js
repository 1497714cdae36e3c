/** A hit in memory: `getOrSet` with five tags, one shared read-only value. */

const assert = require("node:assert/strict")
const { comparison, hour, inTurns, pegasus } = require("../lib")
const { bentoMemory, cacheableMemory, tags5 } = require("../peers")
const { product } = require("../product")

const title = "memory hit, 5 tags, shared value"

async function run() {
  const { LRUCache } = await import("lru-cache")
  const cache = await pegasus()
  const bento = await bentoMemory({ serialize: false })
  const bentoDefault = await bentoMemory({ serialize: true })
  const cacheable = await cacheableMemory({ useClone: false })
  const cacheableDefault = await cacheableMemory({ useClone: true })
  const lru = new LRUCache({ max: 10_000 })

  const keys = Array.from({ length: 256 }, (_, number) => `product:${number}`)
  const tags = keys.map(tags5)
  const at = (index) => index & 255
  const load = () => product(1)
  for (const key of keys) lru.set(key, product(1))
  const fromBento = (store) => (index) =>
    store.getOrSet({ key: keys[at(index)], ttl: "1h", tags: tags[at(index)], factory: load })
  const fromCacheable = (store) => (index) => store.getOrSet(keys[at(index)], load, { ttl: hour })
  const candidates = {
    pegasus: (index) =>
      cache.getOrSet({ key: keys[at(index)], ttl: hour, tags: tags[at(index)], shared: true, load }),
    "bentocache (not serialised)": fromBento(bento),
    "bentocache (as it comes)": fromBento(bentoDefault),
    "cacheable (no clone)": fromCacheable(cacheable),
    "cacheable (as it comes)": fromCacheable(cacheableDefault),
    "lru-cache behind an await": async (index) => lru.get(keys[at(index)]),
  }

  for (const call of Object.values(candidates)) {
    for (const index of keys.keys()) await call(index)
    assert.equal((await call(3)).variants.length, 8)
  }
  const value = await candidates.pegasus(3)
  assert.equal(value, await candidates.pegasus(3))
  assert.equal(Reflect.set(value.variants[0], "sku", "changed"), false)
  await cache.invalidate({ tags: ["own:product:3"] })
  assert.notEqual(value, await candidates.pegasus(3), "an invalidated value was answered")

  const samples = await inTurns(candidates)
  await Promise.all([cache.close(), bento.disconnect(), bentoDefault.disconnect()])
  const rows = comparison("µs", samples, { "bentocache (not serialised)": 8, "cacheable (no clone)": 4 })
  const raw = rows.find((row) => row.name.startsWith("lru-cache"))
  return rows.map((row) => (row === raw ? { ...row, target: ">= 0.1x", met: row.ratio >= 0.1 } : row))
}

module.exports = { title, run }
