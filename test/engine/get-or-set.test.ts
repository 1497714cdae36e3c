/** `getOrSet` and `lead`: one load, stale while it is loaded anew, and what happens when loads fail. */
import assert from "node:assert/strict"
import { after, afterEach, before, describe, it } from "node:test"
import Redis from "ioredis"
import { startRedis } from "../../demo/run/redis"
import { createWithCache, onCacheEvent } from "../../src/engine"
import { wireFormat } from "../../src/engine/wire"
import { FakeClock } from "../../src/testing"
import { cacheOf, joined, read } from "../support/caches"
import { until } from "../support/until"

const minute = 60_000

/** A load that counts, and ends when it is told to. */
function slowLoad() {
  let finish: (value: string) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const gate = new Promise<string>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  const load = () => {
    counted.count++
    return gate
  }
  const counted = { count: 0, finish, fail, load }
  return counted
}

describe("getOrSet in one process", () => {
  it("loads once for all who ask", async () => {
    const cache = cacheOf()
    const slow = slowLoad()
    const asked = Array.from({ length: 50 }, () => cache.getOrSet({ key: "k", load: slow.load, ttl: minute }))
    slow.finish("value")
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(["value"]))
    assert.equal(slow.count, 1)
  })

  it("gives each a copy, or all the one frozen value", async () => {
    const cache = cacheOf()
    const options = { key: "k", load: () => ({ list: [{ id: 1 }] }), ttl: minute }
    const [a, b] = await Promise.all([cache.getOrSet(options), cache.getOrSet(options)])
    assert.notEqual(a, b)
    a.list[0]!.id = 2
    const shared = await cache.getOrSet({ ...options, shared: true })
    assert.equal(shared, await cache.getOrSet({ ...options, shared: true }))
    assert.equal(shared.list[0]!.id, 1)
    assert.throws(() => {
      shared.list[0]!.id = 3
    }, TypeError)
    const mine = await cache.getOrSet(options)
    mine.list[0]!.id = 4
    assert.equal(shared.list[0]!.id, 1)
  })

  it("wakes all who wait when the load fails, stores nothing, and loads again", async () => {
    const cache = cacheOf()
    const slow = slowLoad()
    const asked = Array.from({ length: 5 }, () => cache.getOrSet({ key: "k", load: slow.load, ttl: minute }))
    slow.fail(new Error("no database"))
    for (const result of await Promise.allSettled(asked)) assert.equal(result.status, "rejected")
    assert.equal(await cache.getOrSet({ key: "k", load: () => "fine", ttl: minute }), "fine")
  })

  it("does not keep a load during which its tag moved, even one the load itself named", async () => {
    const cache = cacheOf()
    for (const tags of [["early"], []]) {
      const slow = slowLoad()
      const asked = cache.getOrSet({
        key: "k",
        ttl: minute,
        tags,
        load: ({ tag }) => {
          tag("found")
          return slow.load()
        },
      })
      await until("the load began", () => slow.count > 0)
      await cache.invalidate({ tags: [tags[0] ?? "found"] })
      slow.finish("old")
      assert.equal(await asked, "old")
      assert.equal((await cache.get("k")).state, "miss")
    }
  })

  it("gives one who comes after a change nothing that was loaded before it", async () => {
    const cache = cacheOf()
    const slow = slowLoad()
    const early = cache.getOrSet({ key: "k", load: slow.load, ttl: minute, tags: ["x"] })
    await until("the load began", () => slow.count > 0)
    await cache.invalidate({ tags: ["x"] })
    const late = Array.from({ length: 5 }, () =>
      cache.getOrSet({ key: "k", load: () => "new", ttl: minute, tags: ["x"] }),
    )
    slow.finish("old")
    assert.equal(await early, "old")
    assert.deepEqual(new Set(await Promise.all(late)), new Set(["new"]))
  })

  it("does without a lease when told not to wait", async () => {
    const cache = cacheOf()
    assert.equal(await cache.getOrSet({ key: "k", load: () => 1, ttl: minute, lockTimeout: 0 }), 1)
  })

  it("answers stale while it loads anew, within what was allowed and never past an invalidation", async () => {
    const clock = new FakeClock()
    const cache = cacheOf({ clock })
    let version = 0
    const ask = () =>
      cache.getOrSet({ key: "k", load: async () => ++version, ttl: 1_000, staleFor: 500, tags: ["x"] })
    assert.equal(await ask(), 1)
    clock.advance(1_200)
    assert.equal(await ask(), 1)
    await until("it was loaded anew", async () => (await ask()) === 2)
    clock.advance(1_600)
    assert.equal(await ask(), 3)
    clock.advance(1_200)
    await cache.invalidate({ tags: ["x"] })
    assert.equal(await ask(), 4)
  })

  it("answers stale when loading fails, if that was allowed", async () => {
    const clock = new FakeClock()
    const cache = cacheOf({ clock })
    const ask = (load: () => Promise<string>) =>
      cache.getOrSet({ key: "k", load, ttl: 1_000, staleOnErrorFor: 5_000, tags: ["x"] })
    const failing = () => Promise.reject(new Error("no database"))
    assert.equal(await ask(async () => "old"), "old")
    clock.advance(3_000)
    assert.equal(await ask(failing), "old")
    clock.advance(4_000)
    await assert.rejects(ask(failing))
    assert.equal(await ask(async () => "new"), "new")
    await cache.invalidate({ tags: ["x"] })
    await assert.rejects(ask(failing))
  })

  it("tells what it does", async () => {
    const cache = cacheOf()
    const seen: string[] = []
    const stop = (["miss", "load", "store", "hit", "invalidate", "refuse"] as const).map((name) =>
      onCacheEvent(name, (event) => void (event.prefix === "test" && seen.push(name))),
    )
    const slow = slowLoad()
    const ask = () => cache.getOrSet({ key: "k", load: slow.load, ttl: minute, tags: ["x"] })
    slow.finish("value")
    await ask()
    await ask()
    const overtaken = slowLoad()
    const late = cache.getOrSet({ key: "l", load: overtaken.load, ttl: minute, tags: ["x"] })
    await until("the load began", () => overtaken.count > 0)
    overtaken.finish("old")
    await cache.invalidate({ tags: ["x"] })
    await late
    for (const end of stop) end()
    await ask()
    assert.deepEqual(seen, ["miss", "load", "store", "hit", "miss", "invalidate", "load", "refuse"])
  })
})

describe("lead", () => {
  it("tells one caller to load; the others get what it sets", async () => {
    const cache = cacheOf()
    const first = await cache.lead("k", 5_000)
    assert.equal(first.state, "miss")
    const others = Array.from({ length: 10 }, () => cache.lead("k", 5_000))
    if (first.state === "miss") {
      await cache.set({ key: "k", value: 7, ttl: minute, fence: first.lead.fence })
      first.lead.done()
    }
    for (const led of await Promise.all(others)) assert.ok(led.state === "fresh" && led.value === 7)
  })

  it("lets the next one lead when the first stored nothing, or never came back", async () => {
    const cache = cacheOf()
    const first = await cache.lead("k", 5_000)
    const second = cache.lead("k", 5_000)
    if (first.state === "miss") first.lead.done()
    assert.equal((await second).state, "miss")
    assert.equal((await cache.lead("other", 20)).state, "miss")
    assert.equal((await cache.lead("other", 20)).state, "miss")
  })
})

describe("withCache", () => {
  it("gives the same parameters one entry in any order, and clears a namespace in one step", async () => {
    const withCache = createWithCache(cacheOf())
    let loads = 0
    const load = async () => ++loads
    const ask = (parameters: unknown, namespace = "product") => withCache({ namespace, parameters }, load, 60)
    assert.equal(await ask({ a: 1, b: { c: [1, 2], d: null } }), 1)
    assert.equal(await ask({ b: { d: null, c: [1, 2] }, a: 1 }), 1)
    assert.equal(await ask({ b: { d: null, c: [2, 1] }, a: 1 }), 2)
    assert.equal(await ask({ a: 1, b: { c: [1, 2], d: null } }, "category"), 3)
    await withCache.clearNamespace("product")
    assert.equal(await ask({ a: 1, b: { c: [1, 2], d: null } }), 4)
    assert.equal(await ask({ a: 1, b: { c: [1, 2], d: null } }, "category"), 3)
  })

  it("refuses a date among its parameters", () => {
    const withCache = createWithCache(cacheOf())
    const call = () => withCache({ namespace: "n", parameters: { at: [new Date()] } }, async () => 1, 60)
    assert.throws(call, { code: "PEGASUS_PARAMETER_VOLATILE" })
  })
})

describe("getOrSet in several processes", () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  let admin: Redis
  before(async () => {
    server = await startRedis()
    admin = new Redis(server.url)
  })
  after(async () => {
    admin.disconnect()
    await server.stop()
  })
  afterEach(() => admin.flushall())

  it("loads once for all processes", async () => {
    const caches = await Promise.all(Array.from({ length: 4 }, () => joined(server)))
    let loads = 0
    const load = async () => {
      loads++
      await new Promise((resolve) => setTimeout(resolve, 40))
      return { big: "x".repeat(20_000) }
    }
    const asked = caches.flatMap((cache) =>
      Array.from({ length: 50 }, () => cache.getOrSet({ key: "k", load, ttl: minute })),
    )
    assert.equal(new Set((await Promise.all(asked)).map(({ big }) => big.length)).size, 1)
    assert.equal(loads, 1)
  })

  it("passes the lead on when its holder fails, and waits one lock timeout for one that died", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    const slow = slowLoad()
    const failing = a.getOrSet({ key: "k", load: slow.load, ttl: minute })
    await until("the lease is taken", async () => (await admin.keys("*:lease:k")).length === 1)
    const waiting = b.getOrSet({ key: "k", load: () => "from b", ttl: minute })
    slow.fail(new Error("no database"))
    await assert.rejects(failing)
    assert.equal(await waiting, "from b")

    await admin.set(`test:v${wireFormat}:lease:dead`, "a dead holder", "PX", 150)
    const holders = async () => (await admin.mget(await admin.keys("*:lease:dead"))) as string[]
    const load = async () => ((await holders()).includes("a dead holder") ? "beside it" : "after it")
    assert.equal(await b.getOrSet({ key: "dead", load, ttl: minute, lockTimeout: 2_000 }), "after it")
    await until("no lease is left", async () => (await admin.keys("*:lease:*")).length === 0)
  })

  it("answers a failed load with what another process put in the place of what fell here", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    const failing = () => Promise.reject(new Error("no database"))
    const options = { key: "k", tags: ["x"], staleOnErrorFor: minute }
    await a.set({ ...options, value: "old", ttl: minute })
    await b.invalidate({ tags: ["x"] })
    await b.set({ ...options, value: "new", ttl: 20 })
    await until("the old one fell", () => a.peek("k") === undefined)
    await until("the new one expired", async () => (await read(b, "k")) === undefined)
    assert.equal(await a.getOrSet({ ...options, ttl: minute, load: failing }), "new")
  })

  it("asks and tells Redis nothing of what memory alone keeps", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    await b.set({ key: "k", value: "another's", ttl: minute })
    const led = await a.lead("k", 5_000, true)
    assert.ok(led.state === "miss")
    const waiting = a.lead("k", 5_000, true)
    await a.set({ key: "k", value: "its own", ttl: minute, fence: led.lead.fence, isLocal: true })
    led.lead.done()
    const found = await waiting
    assert.ok(found.state === "fresh" && found.value === "its own")
    assert.deepEqual(await admin.keys("*:lease:*"), [])
    assert.equal(await read(b, "k"), "another's")
  })

  it("does not take away the lease of another", async () => {
    const a = await joined(server)
    const slow = slowLoad()
    const asked = a.getOrSet({ key: "k", load: slow.load, ttl: minute, lockTimeout: 50 })
    await until("the lease is taken", async () => (await admin.keys("*:lease:k")).length === 1)
    await until("it expired", async () => (await admin.keys("*:lease:k")).length === 0)
    await admin.set(`test:v${wireFormat}:lease:k`, "another's", "PX", minute)
    slow.finish("late")
    await asked
    await until("it is stored", async () => (await admin.keys("*:entry:k")).length === 1)
    // What the first connection sends after its release is answered after it.
    for (const key of ["after", "after that"]) await a.set({ key, value: 1, ttl: minute })
    assert.equal(await admin.get(`test:v${wireFormat}:lease:k`), "another's")
  })

  it("gives back a lease that comes too late", async () => {
    const a = await joined(server)
    process.kill(server.pid, "SIGSTOP")
    let loaded: string
    try {
      loaded = await a.getOrSet({ key: "k", load: () => "alone", ttl: minute })
    } finally {
      process.kill(server.pid, "SIGCONT")
    }
    assert.equal(loaded, "alone")
    await until("it is joined", async () => (await admin.ping()) === "PONG" && a.stats().redis === "joined")
    await until("no lease is left", async () => (await admin.keys("*:lease:*")).length === 0, 5_000)
  })

  it("loads without Redis when Redis hangs", async () => {
    const a = await joined(server)
    process.kill(server.pid, "SIGSTOP")
    try {
      assert.equal(await a.getOrSet({ key: "k", load: () => "alone", ttl: minute }), "alone")
      assert.equal(await a.getOrSet({ key: "k", load: () => "twice", ttl: minute }), "alone")
    } finally {
      process.kill(server.pid, "SIGCONT")
    }
  })
})
