/** Invalidating a tag of many live entries: how long, and how many commands Redis executes. */
const assert = require("node:assert/strict")
const {
  commandsDuring,
  hour,
  inParallel,
  median,
  medusaProvider,
  pegasus,
  startRedis,
  total,
} = require("../lib")

const title = "invalidate a tag"

async function run({ large }) {
  return [
    ...(await ours(large ? 1_000_000 : 100_000, large ? 1 : 3)),
    ...(await theirs(large ? 100_000 : 10_000)),
  ]
}

async function ours(count, rounds) {
  const redis = await startRedis()
  const cache = await pegasus({ url: redis.url, maxBytes: 64 * 2 ** 20 })
  const samples = []
  const commands = []
  try {
    for (let round = 0; round < rounds; round++) {
      const { fence } = await cache.get("nothing")
      await inParallel(count, 500, async (index) => {
        const tags = index % 100 === 0 ? ["other"] : ["doomed"]
        await cache.set({ key: `entry:${index}`, value: { index }, ttl: hour, tags, fence })
      })
      for (const index of [1, 100, count - 1]) {
        assert.deepEqual((await cache.get(`entry:${index}`)).value, { index }, "the entry is not live")
      }
      const calls = await commandsDuring(redis.client, async () => {
        const start = performance.now()
        await cache.invalidate({ tags: ["doomed"] })
        samples.push(performance.now() - start)
      })
      commands.push(calls)
      for (let index = 1; index < count; index += 997) {
        const { state } = await cache.get(`entry:${index}`)
        assert.equal(state, index % 100 === 0 ? "fresh" : "miss")
      }
    }
    const name = `pegasus, ${count} entries`
    return [
      { name, unit: "ms", median: median(samples), samples, target: "<= 5 ms", met: median(samples) <= 5 },
      {
        name: `${name}: commands executed`,
        unit: "calls",
        median: median(commands.map(total)),
        samples: commands,
        note: "one command sent; what its script calls, and a heartbeat, are counted in",
      },
    ]
  } finally {
    await cache.close()
    await redis.stop()
  }
}

async function theirs(count) {
  const redis = await startRedis()
  const { provider, close } = await medusaProvider(redis.url)
  try {
    await inParallel(count, 500, (index) =>
      provider.set({ key: `entry:${index}`, data: { index }, ttl: 3_600, tags: ["doomed"] }),
    )
    assert.deepEqual(await provider.get({ key: `entry:${count - 1}` }), { index: count - 1 })
    let time
    const calls = await commandsDuring(redis.client, async () => {
      const start = performance.now()
      await provider.clear({ tags: ["doomed"], options: { autoInvalidate: true } })
      time = performance.now() - start
    })
    assert.equal(await provider.get({ key: "entry:7" }), null)
    const name = `caching-redis, ${count} entries`
    return [
      { name, unit: "ms", median: time, samples: [time] },
      { name: `${name}: commands executed`, unit: "calls", median: total(calls), samples: [calls] },
    ]
  } finally {
    close()
    await redis.stop()
  }
}

module.exports = { title, run }
