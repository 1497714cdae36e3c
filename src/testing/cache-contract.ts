/**
 * What every cache of the engine must do, whatever its tiers and its bus: run it against yours.
 *
 * Written for node:test; `describe`, `it` and their kin are taken from there. No test sleeps: what must come
 * from elsewhere is waited for, at most `patience`.
 */
import assert from "node:assert/strict"
import { afterEach, describe, it } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import type { Cache } from "../engine"
import { eventually } from "./eventually"

export interface CacheContract {
  /** A new cache, ready for use; those of one test share what they share. */
  make(): Promise<Cache>
  /** Whether what one of them stores another finds. */
  isShared: boolean
  /** The longest to wait for news from another process, in milliseconds. Default 2,000. */
  patience?: number
}

const minute = 60_000

export function cacheContract(name: string, { make, isShared, patience = 2_000 }: CacheContract): void {
  const open: Cache[] = []
  const cacheOf = async () => {
    const cache = await make()
    open.push(cache)
    return cache
  }
  const read = async (cache: Cache, key: string) => {
    const found = await cache.get(key)
    return found.state === "fresh" ? found.value : undefined
  }

  describe(`the contract of a cache: ${name}`, () => {
    afterEach(async () => {
      for (const cache of open.splice(0)) {
        await cache.clear()
        await cache.close()
      }
    })

    it("gives back what it was given, dates included, to every caller an object of its own", async () => {
      const cache = await cacheOf()
      const given = { id: "p", at: new Date(5), list: [null, 1.5, "text", { deep: true }] }
      assert.equal(await cache.set({ key: "k", value: given, ttl: minute }), true)
      const first = (await read(cache, "k")) as typeof given
      first.list.length = 0
      first.at.setTime(0)
      assert.deepEqual(await read(cache, "k"), given)
    })

    it("tells null from absence", async () => {
      const cache = await cacheOf()
      assert.equal((await cache.get("k")).state, "miss")
      await cache.set({ key: "k", value: null, ttl: minute })
      const found = await cache.get("k")
      assert.ok(found.state === "fresh" && found.value === null)
    })

    it("refuses undefined, and a time to live that is not positive", async () => {
      const cache = await cacheOf()
      const bad = [
        { value: undefined, ttl: minute },
        ...[0, -1, Number.NaN].map((ttl) => ({ value: 1, ttl })),
      ]
      for (const one of bad) await assert.rejects(cache.set({ key: "k", ...one }), { name: "PegasusError" })
    })

    it("invalidates what has the tag, and leaves the rest", async () => {
      const cache = await cacheOf()
      await cache.set({ key: "a", value: 1, ttl: minute, tags: ["x", "y"] })
      await cache.set({ key: "b", value: 2, ttl: minute, tags: ["y"] })
      await cache.invalidate({ tags: ["x"] })
      assert.equal(await read(cache, "a"), undefined)
      assert.equal(await read(cache, "b"), 2)
    })

    it("deletes one key, and clears all", async () => {
      const cache = await cacheOf()
      await cache.set({ key: "a", value: 1, ttl: minute })
      await cache.set({ key: "b", value: 2, ttl: minute })
      await cache.delete("a")
      assert.equal(await read(cache, "a"), undefined)
      assert.equal(await read(cache, "b"), 2)
      await cache.clear()
      assert.equal(await read(cache, "b"), undefined)
    })

    it("refuses the fill of a load that its data's change overtook", async () => {
      const cache = await cacheOf()
      const found = await cache.get("k")
      assert.ok(found.state === "miss")
      await cache.invalidate({ tags: ["x"] })
      const late = { key: "k", value: "old", ttl: minute, tags: ["x"], fence: found.fence }
      assert.equal(await cache.set(late), false)
      assert.equal(await read(cache, "k"), undefined)
    })

    it("loads once for all who ask at once", async () => {
      const cache = await cacheOf()
      let loads = 0
      const load = async () => ++loads
      const ask = () => cache.getOrSet({ key: "k", load, ttl: minute })
      assert.deepEqual(new Set(await Promise.all(Array.from({ length: 20 }, ask))), new Set([1]))
    })

    it("keeps nothing of a load that failed", async () => {
      const cache = await cacheOf()
      const failing = () => Promise.reject(new Error("no database"))
      await assert.rejects(cache.getOrSet({ key: "k", load: failing, ttl: minute }), /no database/)
      assert.equal(await cache.getOrSet({ key: "k", load: () => 2, ttl: minute }), 2)
    })

    if (!isShared) return

    it("finds what another process stored", async () => {
      const [a, b] = [await cacheOf(), await cacheOf()]
      await a.set({ key: "k", value: { at: new Date(7) }, ttl: minute })
      await eventually(patience, async () => (await read(b, "k")) !== undefined)
      assert.deepEqual(await read(b, "k"), { at: new Date(7) })
    })

    it("hears what another process invalidated, deleted, replaced and cleared", async () => {
      const [a, b] = [await cacheOf(), await cacheOf()]
      const changes: [change: () => Promise<unknown>, left: unknown][] = [
        [() => a.invalidate({ tags: ["x"] }), undefined],
        [() => a.delete("k"), undefined],
        [() => a.set({ key: "k", value: "new", ttl: minute }), "new"],
        [() => a.clear(), undefined],
      ]
      for (const [change, left] of changes) {
        await a.set({ key: "k", value: "old", ttl: minute, tags: ["x"] })
        await eventually(patience, async () => (await read(b, "k")) === "old")
        await change()
        await eventually(patience, async () => (await read(b, "k")) === left)
      }
    })

    it("refuses everywhere the fill of a load that a change in another process overtook", async () => {
      const [a, b] = [await cacheOf(), await cacheOf()]
      const found = await a.get("k")
      assert.ok(found.state === "miss")
      await b.invalidate({ tags: ["x"] })
      await a.set({ key: "k", value: "old", ttl: minute, tags: ["x"], fence: found.fence })
      assert.equal(await read(b, "k"), undefined)
      assert.equal(await read(await cacheOf(), "k"), undefined)
    })

    it("loads once in all processes", async () => {
      const caches = [await cacheOf(), await cacheOf(), await cacheOf()]
      let loads = 0
      const load = async () => {
        await sleep(20)
        return ++loads
      }
      const asked = caches.flatMap((cache) =>
        Array.from({ length: 10 }, () => cache.getOrSet({ key: "k", load, ttl: minute })),
      )
      assert.deepEqual(new Set(await Promise.all(asked)), new Set([1]))
    })
  })
}
