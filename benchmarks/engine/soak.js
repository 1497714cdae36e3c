/**
 * Does the cache keep to its memory? Random reads, writes and invalidations on two tiers, for a long time.
 *
 *   node benchmarks/engine/soak.js [--minutes 10] [--json results.json]
 *
 * The memory tier is far too small for the keys, so it is always full and always evicting. Prints the resident memory
 * every ten seconds; flat means that the median of the last fifth is at most a tenth above that of the second.
 */
const { writeFileSync } = require("node:fs")
const { parseArgs } = require("node:util")
const { median, pegasus, startRedis } = require("./lib")

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, json: { type: "string" } },
})
const megabyte = 1_048_576
const keys = 50_000
const tags = 1_000
const between = (low, high) => low + Math.floor(Math.random() * (high - low))

async function main() {
  const redis = await startRedis()
  await redis.client.config("SET", "maxmemory", "200mb", "maxmemory-policy", "allkeys-lru")
  const cache = await pegasus({ url: redis.url, maxBytes: 64 * megabyte })
  const end = Date.now() + Number(options.minutes) * 60_000
  const samples = []
  let operations = 0
  const sample = () => {
    const { memory } = cache.stats()
    samples.push({
      operations,
      resident: process.memoryUsage.rss() / megabyte,
      memory: memory.bytes / megabyte,
    })
    const { resident, memory: held } = samples.at(-1)
    console.log(
      `${operations} operations, resident ${resident.toFixed(0)} MiB, memory tier ${held.toFixed(1)} MiB`,
    )
  }
  const timer = setInterval(sample, 10_000)
  const worker = async () => {
    while (Date.now() < end) {
      const key = between(0, keys)
      if (operations++ % 50 === 0)
        await cache.invalidate({ tags: [`t${between(0, tags)}`, `u${operations}`] })
      else {
        await cache.getOrSet({
          key: `product:${key}`,
          load: () => ({ id: key, text: "x".repeat(between(50, 8_000)), at: new Date() }),
          ttl: between(1_000, 60_000),
          tags: [`t${key % tags}`, `u${operations}`],
        })
      }
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
  clearInterval(timer)
  await cache.close()
  await redis.stop()
  const fifth = Math.max(1, Math.floor(samples.length / 5))
  const early = median(samples.slice(fifth, 2 * fifth).map(({ resident }) => resident))
  const late = median(samples.slice(-fifth).map(({ resident }) => resident))
  const result = {
    minutes: Number(options.minutes),
    operations,
    early,
    late,
    flat: late <= early * 1.1,
    samples,
  }
  console.log(
    `resident: ${early.toFixed(0)} MiB early, ${late.toFixed(0)} MiB late: ${result.flat ? "flat" : "NOT FLAT"}`,
  )
  if (options.json) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`)
  return result.flat
}

main().then((isFlat) => process.exit(isFlat ? 0 : 1))
