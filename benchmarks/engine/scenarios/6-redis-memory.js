/** What lies in Redis after many writes over 1,000 tags, with invalidations in between. */
const assert = require("node:assert/strict")
const { hour, inParallel, medusaProvider, pegasus, startRedis } = require("../lib")

const title = "Redis memory after writes with churn"
const tagCount = 1_000
/** How often every key is written. Every tag is invalidated once, at even intervals. */
const rewrites = 4

async function run({ large }) {
  const writes = large ? 1_000_000 : 20_000
  return [...(await ours(writes)), ...(await theirs(writes))]
}

const entryOf = (index, keys) => ({
  key: `entry:${(index * 7919) % keys}`,
  value: { index, title: "A product", description: "x".repeat(400) },
  tags: [0, 1, 2].map((offset) => `tag:${(index * 31 + offset * 333) % tagCount}`),
})

async function ours(writes) {
  const every = writes / tagCount
  const redis = await startRedis()
  const cache = await pegasus({ url: redis.url, maxBytes: 2 ** 20 })
  try {
    const before = await usedMemory(redis.client)
    await inParallel(writes, 100, async (index) => {
      const { key, value, tags } = entryOf(index, writes / rewrites)
      const { fence } = await cache.get("nothing")
      await cache.set({ key, value, ttl: hour, tags, fence })
      if (index % every === 0) await cache.invalidate({ tags: [`tag:${index / every}`] })
    })
    const used = (await usedMemory(redis.client)) - before
    let live = 0
    await inParallel(writes / rewrites, 100, async (number) => {
      if ((await cache.get(`entry:${number}`)).state === "fresh") live++
    })
    return await report("pegasus", { redis, used, live, strict: true })
  } finally {
    await cache.close()
    await redis.stop()
  }
}

async function theirs(writes) {
  const every = writes / tagCount
  const redis = await startRedis()
  const { provider, close } = await medusaProvider(redis.url)
  try {
    const before = await usedMemory(redis.client)
    await inParallel(writes, 100, async (index) => {
      const { key, value, tags } = entryOf(index, writes / rewrites)
      await provider.set({ key, data: value, ttl: 3_600, tags })
      if (index % every === 0) await provider.clear({ tags: [`tag:${index / every}`] })
    })
    const used = (await usedMemory(redis.client)) - before
    let live = 0
    await inParallel(writes / rewrites, 100, async (number) => {
      if ((await provider.get({ key: `entry:${number}` })) !== null) live++
    })
    return await report("caching-redis", { redis, used, live })
  } finally {
    close()
    await redis.stop()
  }
}

async function report(name, { redis, used, live, strict = false }) {
  assert.ok(live > 0, "nothing is live")
  let keys = 0
  let forever = 0
  for await (const batch of redis.client.scanStream({ count: 1_000 })) {
    const pipeline = redis.client.pipeline()
    for (const key of batch) pipeline.pttl(key)
    for (const [, left] of await pipeline.exec()) {
      keys++
      if (left === -1) forever++
    }
  }
  const judged = strict ? { target: "0", met: forever === 0 } : {}
  const row = (what, unit, value, rest) => ({
    name: `${name}: ${what}`,
    unit,
    median: value,
    samples: [value],
    ...rest,
  })
  return [
    row("keys without a time to live", "keys", forever, judged),
    row("keys", "keys", keys),
    row("live entries", "entries", live),
    row("memory a live entry", "bytes", used / live),
    row("memory a key", "bytes", used / keys),
  ]
}

async function usedMemory(client) {
  return Number(/used_memory:(\d+)/.exec(await client.info("memory"))[1])
}

module.exports = { title, run }
