/** The published contract, held by the cache in memory, on Redis, and on a Redis that is far away. */
import { after, before, describe } from "node:test"
import { startRedis } from "../../demo/run/redis"
import {
  connect,
  createCache,
  localBus,
  memoryTier,
  type RedisConnection,
  redisBus,
  redisTier,
  systemClock,
} from "../../src/engine"
import { busContract, type Chaos, cacheContract, chaos, tierContract } from "../../src/testing"
import { contractCache, memory } from "../support/caches"
import { until } from "../support/until"

cacheContract("in memory", { make: async () => createCache({ prefix: "contract", memory }), isShared: false })

tierContract("memory", async () => memoryTier(memory.maxBytes))
busContract("of one process", { make: async () => localBus(1_000), isShared: false })

describe("on Redis", () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  let far: Chaos
  before(async () => {
    server = await startRedis()
    far = await chaos(server.url)
    far.delay(5)
  })
  after(async () => {
    far.close()
    await server.stop()
  })

  cacheContract("on Redis", { make: () => contractCache(server.url), isShared: true })
  cacheContract("on a Redis 5 ms away", { make: () => contractCache(far.url), isShared: true })
  cacheContract("on Redis, memory too small to hold anything", {
    make: () => contractCache(server.url, 1),
    isShared: true,
  })

  const connections: RedisConnection[] = []
  const connected = async () => {
    const redis = connect(server.url)
    connections.push(redis)
    await until("it is connected", () => redis.status === "ready")
    return redis
  }
  after(() => {
    for (const redis of connections) redis.disconnect()
  })

  let tiers = 0
  tierContract("Redis", async () => redisTier(await connected(), `tier${++tiers}`))
  busContract("Redis", {
    make: async (store) =>
      redisBus({
        redis: await connected(),
        prefix: store,
        trustWindow: 2_000,
        maxTtl: 60_000,
        maxTags: 1_000,
        clock: systemClock,
        onSilence: () => undefined,
        onProof: () => undefined,
      }),
    isShared: true,
  })
})
