import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { Entry } from "../../src/engine"
import { memoryTier } from "../../src/engine/tiers/memory"

const entry = (key: string): Entry => ({
  key,
  value: key,
  bytes: 744 - key.length,
  tags: [],
  fence: { epoch: "e", seq: 0, at: 0 } as never,
  expiresAt: 0,
  staleUntil: 0,
})

describe("the memory tier", () => {
  it("keeps what is asked for again from who asks for everything once", () => {
    const tier = memoryTier(100_000)
    for (let key = 0; key < 50; key++) {
      tier.set(entry(`page ${key}`))
      assert.ok(tier.get(`page ${key}`))
    }
    for (let key = 0; key < 10_000; key++) tier.set(entry(`invented ${key}`))
    for (let key = 0; key < 50; key++) assert.ok(tier.get(`page ${key}`), `page ${key}`)
    assert.ok(tier.bytes <= 100_000)
  })

  it("gives the room of what is no longer asked for to what is", () => {
    const tier = memoryTier(100_000)
    for (const generation of ["old", "new"]) {
      for (let time = 0; time < 2; time++) {
        for (let key = 0; key < 70; key++) {
          const name = `${generation} ${key}`
          if (!tier.get(name)) {
            tier.set(entry(name))
            tier.get(name)
          }
        }
      }
    }
    for (let key = 0; key < 70; key++) assert.ok(tier.get(`new ${key}`), `new ${key}`)
  })

  it("takes an entry that is larger than the room for newcomers", () => {
    const tier = memoryTier(2_000)
    tier.set(entry("a"))
    assert.ok(tier.get("a"))
  })

  it("replaces an entry where it is", () => {
    const tier = memoryTier(100_000)
    tier.set(entry("a"))
    tier.get("a")
    const newer = entry("a")
    tier.set(newer)
    assert.equal(tier.get("a"), newer)
    assert.equal(tier.count, 1)
    tier.delete("a")
    assert.equal(tier.count, 0)
  })
})
