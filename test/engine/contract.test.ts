/** The published contract, held by the cache in memory, on Redis, and on a Redis that is far away. */
import { after, before, describe } from "node:test"
import { delayed } from "../../demo/run/delay"
import { startRedis } from "../../demo/run/redis"
import { connect, createCache } from "../../src/engine"
import { cacheContract } from "../../src/testing"
import { memory } from "../support/caches"
import { until } from "../support/until"

cacheContract("in memory", { make: async () => createCache({ prefix: "contract", memory }), isShared: false })

async function onRedis(url: string, maxBytes = memory.maxBytes) {
  const cache = createCache({ prefix: "contract", memory: { maxBytes }, redis: connect(url) })
  await until("Redis joined", () => cache.stats().redis === "joined")
  return cache
}

describe("on Redis", () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  let far: Awaited<ReturnType<typeof delayed>>
  before(async () => {
    server = await startRedis()
    far = await delayed(server.url, 5)
  })
  after(async () => {
    far.close()
    await server.stop()
  })

  cacheContract("on Redis", { make: () => onRedis(server.url), isShared: true })
  cacheContract("on a Redis 5 ms away", { make: () => onRedis(far.url), isShared: true })
  cacheContract("on Redis, memory too small to hold anything", {
    make: () => onRedis(server.url, 1),
    isShared: true,
  })
})
