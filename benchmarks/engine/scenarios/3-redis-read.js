/** A read from Redis: a memory tier of one byte holds nothing, so every read goes there. */
const assert = require("node:assert/strict")
const {
  commandsDuring,
  comparison,
  hour,
  inParallel,
  inTurns,
  pegasus,
  startRedis,
  total,
} = require("../lib")
const { bentoRedis, tags5 } = require("../peers")
const { product } = require("../product")

const title = "read from Redis, memory off"
const reads = 2_000

async function run() {
  const redis = await startRedis()
  const cache = await pegasus({ url: redis.url, maxBytes: 1 })
  const bento = await bentoRedis(redis.url)
  try {
    const rows = []
    for (const [size, value] of [
      ["13 KB", JSON.parse(JSON.stringify(product(1)))],
      ["200 bytes", { id: "p", title: "A".repeat(170) }],
    ]) {
      rows.push(...(await readsOf({ size, value, redis, cache, bento })))
    }
    return [...rows, ...(await misses(cache, bento))]
  } finally {
    await Promise.all([cache.close(), bento.disconnect()])
    await redis.stop()
  }
}

async function readsOf({ size, value, redis, cache, bento }) {
  const keys = Array.from({ length: 500 }, (_, number) => `${size[0]}:${number}`)
  const tags = keys.map(tags5)
  let loads = 0
  const load = () => {
    loads++
    return value
  }
  const ours = (index) => {
    const at = index % keys.length
    return cache.getOrSet({ key: keys[at], ttl: hour, tags: tags[at], load })
  }
  const theirs = (index) => {
    const at = index % keys.length
    return bento.getOrSet({ key: keys[at], ttl: "1h", tags: tags[at], factory: load })
  }
  const together = (call) => () => inParallel(50, 50, call)
  const single = { pegasus: ours, bentocache: theirs }
  const many = { "pegasus, 50 at once": together(ours), "bentocache, 50 at once": together(theirs) }

  const counted = {}
  for (const [name, call] of Object.entries(single)) {
    for (const index of keys.keys()) await call(index)
    await new Promise((resolve) => setTimeout(resolve, 50))
    loads = 0
    counted[name] = await commandsDuring(redis.client, async () => {
      for (let index = 0; index < reads; index++) await call(index)
    })
    assert.deepEqual(await call(7), value)
    assert.equal(loads, 0, `${name} loaded what Redis holds`)
  }

  const note = (row) => ({ ...row, name: `${row.name}, ${size}` })
  const alone = comparison("µs", await inTurns(single, { rounds: 9 }), { bentocache: 1 })
  const crowd = comparison("µs/50", await inTurns(many, { rounds: 9 }), { "bentocache, 50 at once": 1 })
  assert.equal(loads, 0)
  const commands = Object.entries(counted).map(([name, calls]) => ({
    name: `${name}: commands a read (GET and the like)`,
    unit: "calls",
    median: (calls.get ?? 0) / reads + (calls.mget ?? 0) / reads,
    samples: [calls],
    note: `all ${total(calls)} calls for ${reads} reads, heartbeat included`,
    ...(name === "pegasus" && { target: "1", met: calls.get === reads }),
  }))
  return [...alone, ...crowd, ...commands].map(note)
}

/** A key nobody has, one at a time: asked for, loaded in no time, stored. */
async function misses(cache, bento) {
  let number = 0
  const load = () => ({ id: number })
  const candidates = {
    "pegasus, key not there": async () => {
      const key = `absent:${number++}`
      assert.deepEqual(await cache.getOrSet({ key, ttl: hour, tags: tags5(key), load }), { id: number })
    },
    "bentocache, key not there": async () => {
      const key = `absent:${number++}`
      assert.deepEqual(await bento.getOrSet({ key, ttl: "1h", tags: tags5(key), factory: load }), {
        id: number,
      })
    },
  }
  return comparison("µs", await inTurns(candidates, { rounds: 9 }))
}

module.exports = { title, run }
