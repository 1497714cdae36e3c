import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Sampler } from "../../src/medusa/sampler"
import { cacheOf } from "../support/caches"

const minute = 60_000

describe("the sampler", () => {
  async function sampled(heard = true) {
    const cache = cacheOf()
    const logged: string[] = []
    const sampler = new Sampler({
      share: 0.5,
      cache,
      settled: async () => heard,
      logger: { error: (line: unknown) => void logged.push(String(line)) },
      random: () => 0.4,
    })
    await cache.set({ key: "k", value: { at: new Date(5), price: 1 }, ttl: minute, tags: ["t"] })
    const found = await cache.get("k")
    assert.ok(found.state === "fresh")
    assert.equal(sampler.takes("k", found), true)
    assert.equal(sampler.takes("k", found), false, "one at a time")
    return { cache, sampler, logged }
  }

  it("finds nothing wrong with the same in another order", async () => {
    const { sampler, logged } = await sampled()
    await sampler.compare("k", { price: 1, at: new Date(5), gone: undefined })
    assert.deepEqual(sampler.counts, { compared: 1, stale: 0 })
    assert.deepEqual(logged, [])
  })

  it("counts and names an answer that was stale", async () => {
    const { sampler, logged } = await sampled()
    await sampler.compare("k", { price: 2, at: new Date(5) })
    assert.deepEqual(sampler.counts, { compared: 1, stale: 1 })
    assert.match(logged.join(), /stale: k, which depends on t/)
  })

  it("blames nobody for what changed meanwhile, or may have", async () => {
    const changed = await sampled()
    await changed.cache.invalidate({ tags: ["t"] })
    await changed.sampler.compare("k", { price: 2 })
    assert.deepEqual(changed.sampler.counts, { compared: 0, stale: 0 })
    const unheard = await sampled(false)
    await unheard.sampler.compare("k", { price: 2 })
    assert.deepEqual(unheard.sampler.counts, { compared: 0, stale: 0 })
  })

  it("takes no more than its share", async () => {
    const { sampler, cache } = await sampled()
    const found = await cache.get("k")
    const never = new Sampler({
      share: 0.3,
      cache,
      settled: async () => true,
      logger: { error: () => undefined },
      random: () => 0.4,
    })
    assert.ok(found.state === "fresh")
    assert.equal(never.takes("k", found), false)
    assert.equal(sampler.counts.compared, 0)
  })
})
