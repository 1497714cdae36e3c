/** Redis hangs (SIGSTOP): what the first reads wait, what the next wait, and when it is over. */
const assert = require("node:assert/strict")
const { hour, median, pegasus, quantile, sleep, startRedis, until } = require("../lib")

const title = "hung Redis"
const rounds = 3
const firstReads = 200
const nextReads = 1_000
/** How long it hangs at least, in milliseconds. */
const pause = 3_000

/** As long as the cache waits for Redis unless told otherwise, in milliseconds. */
const budget = 50

async function run() {
  const all = { first: [], timer: [], next: [], control: [], recovery: [] }
  for (let round = 0; round < rounds; round++) {
    for (const [name, times] of Object.entries(await once())) all[name].push(...times)
  }
  const at = (name, share) => quantile(all[name], share)
  const figures = (label, name, judge = () => ({})) =>
    [
      [0.5, "p50"],
      [0.99, "p99"],
      [1, "longest"],
    ].map(([share, called]) => ({
      name: `${label}, ${called}`,
      unit: "ms",
      median: at(name, share),
      samples: called === "longest" ? all[name].map((time) => Number(time.toFixed(4))) : [],
      ...judge(called),
    }))
  const added = at("next", 0.99) - at("control", 0.99)
  return [
    ...figures(`first ${firstReads} reads at once`, "first", (called) =>
      called === "longest" ? { target: `<= ${budget} ms`, met: at("first", 1) <= budget } : {},
    ),
    {
      name: `a plain timer of ${budget} ms, set with them`,
      unit: "ms",
      median: median(all.timer),
      samples: all.timer,
    },
    ...figures(`next ${nextReads} reads`, "next"),
    ...figures("the same reads of a cache without Redis", "control"),
    {
      name: "added to the next reads, p99",
      unit: "ms",
      median: added,
      samples: [added],
      target: "< 1 ms",
      met: added < 1,
    },
    {
      name: "until Redis answers again",
      unit: "ms",
      median: median(all.recovery),
      samples: all.recovery,
      target: "<= 2000 ms",
      met: Math.max(...all.recovery) <= 2_000,
    },
  ]
}

async function once() {
  const redis = await startRedis()
  const cache = await pegasus({ url: redis.url, maxBytes: 1 })
  const holder = await pegasus({ url: redis.url })
  const other = await pegasus({ url: redis.url })
  const control = await pegasus({ maxBytes: 1 })
  try {
    let price = 1
    const priceOf = (from) => from.getOrSet({ key: "price", ttl: hour, tags: ["price"], load: () => price })
    const read = async (key, from = cache) => {
      const start = performance.now()
      assert.equal(await from.getOrSet({ key, ttl: hour, tags: ["some"], load: () => key }), key)
      return performance.now() - start
    }
    for (let index = 0; index < 200; index++) await read(`warm:${index}`)
    for (let index = 0; index < 200; index++) await read(`warm:${index}`, control)
    assert.deepEqual([await priceOf(holder), await priceOf(other)], [1, 1])

    process.kill(redis.pid, "SIGSTOP")
    const stoppedAt = performance.now()
    const timer = sleep(budget).then(() => performance.now() - stoppedAt)
    const first = await Promise.all(Array.from({ length: firstReads }, (_, index) => read(`first:${index}`)))
    const next = []
    const without = []
    for (let index = 0; index < nextReads; index++) {
      next.push(await read(`next:${index}`))
      without.push(await read(`next:${index}`, control))
    }
    price = 2
    await holder.invalidate({ tags: ["price"] })
    assert.equal(await priceOf(holder), 2, "a stale price in the process that invalidated")
    await sleep(Math.max(0, pause - (performance.now() - stoppedAt)))
    assert.equal(await priceOf(other), 2, "a stale price after the trust window")

    process.kill(redis.pid, "SIGCONT")
    const resumedAt = performance.now()
    let loads = 0
    const again = () => cache.getOrSet({ key: "again", ttl: hour, tags: ["some"], load: () => ++loads })
    await until(async () => {
      const before = loads
      await again()
      return loads === before
    }, 10_000)
    const recovery = performance.now() - resumedAt
    assert.deepEqual([await priceOf(holder), await priceOf(other)], [2, 2])
    return { first, timer: [await timer], next, control: without, recovery: [recovery] }
  } finally {
    process.kill(redis.pid, "SIGCONT")
    await Promise.all([cache.close(), holder.close(), other.close()])
    await redis.stop()
  }
}

module.exports = { title, run }
