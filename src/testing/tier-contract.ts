/** What every tier must do. See engine/tiers/tier.ts. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { Entry, Tier } from "../engine"

const minute = 60_000

/** @param make a new tier, empty, with room for some hundred small entries */
export function tierContract(name: string, make: () => Promise<Tier>): void {
  const entryOf = (key: string, value: Entry["value"], tags: string[] = []): Entry => ({
    key,
    value,
    bytes: 100,
    tags,
    fence: { epoch: "e", seq: 7, at: 1_800_000_000_000 },
    expiresAt: 1_800_000_060_000,
    staleUntil: 1_800_000_070_000,
  })
  const without = ({ bytes: _approximate, ...entry }: Entry) => entry

  describe(`the contract of a tier: ${name}`, () => {
    it("gives back what was set, whole", async () => {
      const tier = await make()
      const values = [
        null,
        0,
        "",
        "Käse ☕",
        [],
        { at: new Date(5), list: [1, { deep: true }] },
        "x".repeat(9_999),
      ]
      for (const [index, value] of values.entries()) {
        const entry = entryOf(`k${index}`, value as Entry["value"], ["a", "b:ü"])
        await tier.set(entry, minute)
        assert.deepEqual(without((await tier.get(entry.key))!), without(entry))
      }
    })

    it("knows nothing of what was not set", async () => {
      const tier = await make()
      await tier.set(entryOf("k", 1), minute)
      for (const key of ["", "K", "k ", "k:", "*"]) assert.equal(await tier.get(key), undefined)
    })

    it("keeps the last of several", async () => {
      const tier = await make()
      for (const value of [1, 2, 3]) await tier.set(entryOf("k", value), minute)
      assert.equal((await tier.get("k"))?.value, 3)
    })

    it("tells keys apart that look alike", async () => {
      const tier = await make()
      const keys = ["a", "a:b", "a*", "[a]", "{a}", "ä", "a\n", "__proto__", "a".repeat(500)]
      for (const key of keys) await tier.set(entryOf(key, key), minute)
      for (const key of keys) assert.equal((await tier.get(key))?.value, key)
    })

    it("goes through all that it holds", async () => {
      const tier = await make()
      const keys = Array.from({ length: 50 }, (_, index) => `k${index}`)
      for (const key of keys) await tier.set(entryOf(key, 1), minute)
      const found = new Set<string>()
      for await (const { key } of tier.entries()) found.add(key)
      assert.deepEqual([...found].sort(), keys.sort())
    })
  })
}
