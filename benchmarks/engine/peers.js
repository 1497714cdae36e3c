/** The peers, set up as their documentation says. */
const tags5 = (key) => ["product", "catalogue", "price:eur", "region:eu", `own:${key}`]

/** Bentocache in memory; serialised, which is its default, or holding the object itself. */
async function bentoMemory({ serialize }) {
  const { BentoCache, bentostore } = await import("bentocache")
  const { memoryDriver } = await import("bentocache/drivers/memory")
  const store = bentostore().useL1Layer(memoryDriver({ maxItems: 10_000, serialize }))
  return new BentoCache({ default: "only", stores: { only: store } })
}

/** Bentocache on Redis alone. */
async function bentoRedis(url) {
  const { BentoCache, bentostore } = await import("bentocache")
  const { redisDriver } = await import("bentocache/drivers/redis")
  const { default: Redis } = await import("ioredis")
  const connection = new Redis(url)
  const store = bentostore().useL2Layer(redisDriver({ connection }))
  return new BentoCache({ default: "only", stores: { only: store } })
}

/** Cacheable in memory; cloning, which is its default, or handing out the object itself. */
async function cacheableMemory({ useClone }) {
  const { Cacheable, createKeyv } = await import("cacheable")
  return new Cacheable({ primary: createKeyv({ useClone, lruSize: 10_000 }) })
}

module.exports = { bentoMemory, bentoRedis, cacheableMemory, tags5 }
