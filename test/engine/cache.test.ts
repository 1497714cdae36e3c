/** The cache over a real Redis: several caches of one store, and a Redis that is paused, killed and emptied. */
import assert from "node:assert/strict"
import { after, afterEach, before, describe, it } from "node:test"
import Redis from "ioredis"
import { startRedis } from "../../demo/run/redis"
import { connect, type PegasusError } from "../../src/engine"
import { FakeClock } from "../../src/testing"
import { busy } from "../support/busy"
import { cacheOf, joined, read } from "../support/caches"
import { until } from "../support/until"

type RedisServer = Awaited<ReturnType<typeof startRedis>>

const minute = 60_000

describe("the cache in memory", () => {
  it("gives every caller an object of its own", async () => {
    const cache = cacheOf()
    const given = { id: "p", at: new Date(5) }
    await cache.set({ key: "k", value: given, ttl: minute })
    given.id = "changed"
    const first = (await read(cache, "k")) as typeof given
    first.id = "changed"
    assert.deepEqual(await read(cache, "k"), { id: "p", at: new Date(5) })
  })

  it("keeps by tags that move on demand what was captured after it was demanded", async () => {
    const cache = cacheOf()
    const onDemand = { key: "k", value: 1, ttl: minute, tags: ["o"], onDemand: ["O"] }
    await cache.invalidate({ tags: ["o"], onDemand: "O" })
    assert.equal(await cache.set({ ...onDemand, fence: cache.capture() }), false)
    assert.equal(await cache.set({ ...onDemand, fence: cache.capture() }), true)
    assert.equal(await read(cache, "k"), 1)
    await cache.invalidate({ tags: ["o"], onDemand: "O" })
    assert.equal(await read(cache, "k"), undefined)
  })

  it("tells null from absence, and refuses undefined", async () => {
    const cache = cacheOf()
    assert.equal((await cache.get("k")).state, "miss")
    await cache.set({ key: "k", value: null, ttl: minute })
    const found = await cache.get("k")
    assert.ok(found.state === "fresh" && found.value === null)
    await assert.rejects(
      cache.set({ key: "k", value: undefined, ttl: minute }),
      (error: PegasusError) => error.code === "PEGASUS_VALUE_UNDEFINED",
    )
    for (const ttl of [0, -1, Number.NaN]) {
      await assert.rejects(
        cache.set({ key: "k", value: 1, ttl }),
        (error: PegasusError) => error.code === "PEGASUS_TTL_INVALID",
      )
    }
  })

  it("forgets when the time is over", async () => {
    const clock = new FakeClock()
    const cache = cacheOf({ clock })
    await cache.set({ key: "k", value: 1, ttl: 1_000 })
    clock.advance(999)
    assert.equal(await read(cache, "k"), 1)
    clock.advance(1)
    assert.equal(await read(cache, "k"), undefined)
  })

  it("invalidates what has the tag and leaves the rest", async () => {
    const cache = cacheOf()
    await cache.set({ key: "a", value: 1, ttl: minute, tags: ["x", "y"] })
    await cache.set({ key: "b", value: 2, ttl: minute, tags: ["y"] })
    await cache.invalidate({ tags: ["x"] })
    assert.equal(await read(cache, "a"), undefined)
    assert.equal(await read(cache, "b"), 2)
    await cache.delete("b")
    assert.equal(await read(cache, "b"), undefined)
    await cache.set({ key: "b", value: 3, ttl: minute })
    await cache.clear()
    assert.equal(await read(cache, "b"), undefined)
    await cache.set({ key: "b", value: 4, ttl: minute })
    assert.equal(await read(cache, "b"), 4)
  })

  it("refuses the fill of a load that began before the invalidation", async () => {
    const cache = cacheOf()
    const found = await cache.get("k")
    assert.equal(found.state, "miss")
    const fence = found.state === "miss" ? found.fence : undefined
    await cache.invalidate({ tags: ["x"] })
    assert.equal(await cache.set({ key: "k", value: "old", ttl: minute, tags: ["x"], fence }), false)
    assert.equal(await read(cache, "k"), undefined)
    assert.equal(await cache.set({ key: "k", value: "new", ttl: minute, tags: ["x"] }), true)
  })

  it("stays within its bytes", async () => {
    const cache = cacheOf({ memory: { maxBytes: 1_000_000 } })
    for (let index = 0; index < 2_000; index++) {
      await cache.set({ key: `k${index}`, value: "x".repeat(1_000), ttl: minute })
    }
    const { bytes, entries } = cache.stats().memory
    assert.ok(bytes <= 1_000_000 && entries > 100, `${bytes} bytes, ${entries} entries`)
  })

  it("finds values by tag", async () => {
    const cache = cacheOf()
    await cache.set({ key: "p:a", value: 1, ttl: minute, tags: ["x"] })
    await cache.set({ key: "p:b", value: 2, ttl: minute, tags: ["y"] })
    await cache.set({ key: "q:c", value: 3, ttl: minute, tags: ["x"] })
    assert.deepEqual(await cache.findByTags(["x", "z"], "p:"), [1])
  })
})

describe("the cache on Redis", () => {
  let server: RedisServer
  let admin: Redis
  before(async () => {
    server = await startRedis()
    admin = new Redis(server.url)
    admin.on("error", () => undefined)
  })
  after(async () => {
    admin.disconnect()
    await server.stop()
  })
  afterEach(() => admin.flushall())

  it("shares values between processes, dates included", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    await a.set({ key: "k", value: { at: new Date(7) }, ttl: minute, tags: ["x"] })
    assert.deepEqual(await read(b, "k"), { at: new Date(7) })
    assert.deepEqual(await b.findByTags(["x"], ""), [{ at: new Date(7) }])
  })

  it("tells the other processes what was invalidated", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    await a.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    assert.equal(await read(b, "k"), 1)
    await a.invalidate({ tags: ["x"] })
    assert.equal(await read(a, "k"), undefined)
    await until("the other process knows", async () => (await read(b, "k")) === undefined, 1_000)
  })

  it("refuses a stale fill that another process wrote to Redis", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    const found = await a.get("k")
    const fence = found.state === "miss" ? found.fence : undefined
    await b.invalidate({ tags: ["x"] })
    await a.set({ key: "k", value: "old", ttl: minute, tags: ["x"], fence })
    assert.equal(await read(b, "k"), undefined)
    const late = await joined(server)
    assert.equal(await read(late, "k"), undefined)
  })

  it("tells the other processes that a key was set anew", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    await a.set({ key: "k", value: 1, ttl: minute })
    assert.equal(await read(b, "k"), 1)
    await a.set({ key: "k", value: 2, ttl: minute })
    assert.equal(await read(a, "k"), 2)
    await until("the other process reads it", async () => (await read(b, "k")) === 2, 1_000)
  })

  it("sends what it could not send, as soon as Redis answers it again", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    await a.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    assert.equal(await read(b, "k"), 1)
    const writer = ((await admin.client("LIST")) as string)
      .split("\n")
      .filter((line) => line.includes("name=pegasus") && !line.includes("sub=2"))
    for (const line of writer) await admin.client("KILL", "ID", /id=(\d+)/.exec(line)![1]!)
    await until("it noticed", async () => {
      await a.invalidate({ tags: ["x"] })
      return true
    })
    await until("the other process knows", async () => (await read(b, "k")) === undefined, 4_000)
  })

  it("trusts no snapshot of an earlier life, in which an invalidation may be missing", async () => {
    const a = await joined(server)
    await a.set({ key: "k", value: "from a snapshot", ttl: minute })
    const reborn = await startRedis()
    const copy = new Redis(reborn.url)
    for (const key of await admin.keys("*")) {
      await copy.restore(key, await admin.pttl(key), await admin.dumpBuffer(key))
    }
    try {
      assert.ok((await copy.keys("*")).length >= 2)
      assert.equal(await read(await joined(reborn), "k"), undefined)
    } finally {
      copy.disconnect()
      await reborn.stop()
    }
  })

  it("takes half a character in a tag or a key for a whole one", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    const half = "😀".slice(0, 1)
    await a.set({ key: half, value: 1, ttl: minute, tags: [half] })
    assert.equal(await read(a, half), 1)
    await a.invalidate({ tags: [half] })
    assert.equal(await read(a, half), undefined)
    await a.delete(half)
    await b.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    assert.equal(await read(b, "k"), 1)
    await a.invalidate({ tags: ["x"] })
    await until("the other process knows", async () => (await read(b, "k")) === undefined, 1_000)
  })

  it("reads its own invalidation although Redis lost its memory just before", async () => {
    const a = await joined(server)
    for (let round = 0; round < 10; round++) {
      await a.set({ key: "k", value: "old", ttl: minute, tags: ["x"] })
      await admin.flushall()
      await a.invalidate({ tags: ["x"] })
      assert.equal(await read(a, "k"), undefined)
      await until("it is joined", () => a.stats().redis === "joined")
    }
  })

  it("answers on its island no longer than a silent bus may go unnoticed", async () => {
    const clock = new FakeClock()
    const cache = cacheOf({ redis: connect("redis://127.0.0.1:1"), clock, trustWindow: 2_000 })
    await cache.set({ key: "k", value: 1, ttl: minute })
    clock.advance(1_999)
    assert.equal(await read(cache, "k"), 1)
    clock.advance(1)
    assert.equal(await read(cache, "k"), undefined)
  })

  it("keeps no more invalidations than it may while Redis is away, and no one waits for them", async () => {
    const cache = cacheOf({ redis: connect("redis://127.0.0.1:1") })
    const started = Date.now()
    for (let index = 0; index < 60_000; index++) await cache.invalidate({ tags: [`t${index}`] })
    assert.ok(Date.now() - started < 5_000, `${Date.now() - started} ms`)
    await cache.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    assert.equal(await read(cache, "k"), 1)
  })

  it("keeps stores apart by their prefix", async () => {
    const [a, b] = [await joined(server, { prefix: "one" }), await joined(server, { prefix: "two" })]
    await a.set({ key: "k", value: "of one", ttl: minute, tags: ["x"] })
    assert.equal(await read(b, "k"), undefined)
    await b.invalidate({ tags: ["x"] })
    await b.clear()
    assert.equal(await read(a, "k"), "of one")
  })

  it("leaves no key without a time to live", async () => {
    const a = await joined(server)
    await a.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    await a.invalidate({ tags: ["x"] })
    for (const key of await admin.keys("*")) assert.ok((await admin.pttl(key)) > 0, key)
  })

  it("gives up everything when Redis was emptied", async () => {
    const a = await joined(server)
    await a.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    await admin.flushall()
    await until("the old epoch is gone", async () => (await read(a, "k")) === undefined, 3_000)
  })

  it("gives up everything when only the order of invalidations was evicted", async () => {
    const [a, b] = [await joined(server), await joined(server)]
    await a.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    await admin.del(...(await admin.keys("*:log")))
    await until("the old epoch is gone", async () => (await read(b, "k")) === undefined, 3_000)
  })

  it("bounds the order of invalidations, and refuses what is older than it", async () => {
    const a = await joined(server)
    await a.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    for (let round = 0; round < 6; round++) {
      await a.invalidate({ tags: Array.from({ length: 10_000 }, (_, index) => `t${round}-${index}`) })
    }
    const [log] = await admin.keys("*:log")
    assert.ok((await admin.zcard(log!)) <= 50_000)
    await until("the floor rose", async () => (await read(a, "k")) === undefined, 2_000)
    await a.set({ key: "k", value: 2, ttl: minute, tags: ["x"] })
    const late = await joined(server)
    await until("a late process reads it", async () => (await read(late, "k")) === 2, 2_000)
  })

  it("runs on memory while Redis hangs, waits at most once, and joins again", async () => {
    const states: string[] = []
    const a = await joined(server, { onRedis: (state) => states.push(state), trustWindow: 400 })
    const b = await joined(server)
    await a.set({ key: "k", value: "before", ttl: minute, tags: ["x"] })
    process.kill(server.pid, "SIGSTOP")
    try {
      await until("it noticed", () => a.stats().redis === "away", 2_000)
      await until("it said so", () => states.at(-1) === "away", 2_000)
      // The value is still in memory, but nothing proves that it is current.
      assert.equal(await read(a, "k"), undefined)
      const started = Date.now()
      for (let index = 0; index < 50; index++) assert.equal(await read(a, `cold${index}`), undefined)
      assert.ok(Date.now() - started < 1_000)
      await a.set({ key: "island", value: 1, ttl: minute })
      assert.equal(await read(a, "island"), 1)
      const invalidated = a.invalidate({ tags: ["x"] })
      process.kill(server.pid, "SIGCONT")
      await invalidated
    } finally {
      process.kill(server.pid, "SIGCONT")
    }
    await until("it joined again", () => a.stats().redis === "joined", 5_000)
    await until("the invalidation arrived", async () => (await read(b, "k")) === undefined, 5_000)
    assert.deepEqual(states, ["joined", "away", "joined"])
  })

  it("takes for no silence of Redis what it was too busy to read", async () => {
    const states: string[] = []
    const redis = connect(server.url)
    const a = cacheOf({ redis, onRedis: (state) => states.push(state), trustWindow: 400 })
    const isJoined = () => a.stats().redis === "joined"
    busy(2_100)
    await until("it joined", isJoined)
    await a.set({ key: "k", value: 1, ttl: minute, tags: ["x"] })
    let isBusy = true
    const scripted = redis as unknown as { pegasusBeat(...given: unknown[]): unknown }
    const { pegasusBeat } = scripted
    scripted.pegasusBeat = (...given) => {
      scripted.pegasusBeat = pegasusBeat
      const sent = pegasusBeat.apply(redis, given)
      busy(2_100)
      isBusy = false
      return sent
    }
    await until("it was busy while a beat was on its way", () => !isBusy)
    assert.equal(await read(a, "k"), undefined)
    await until("a new proof of life came", isJoined)
    assert.equal(await read(a, "k"), 1)
    assert.deepEqual(states, ["joined"])
  })

  describe("and tags that move on demand", () => {
    const onDemand = { ttl: minute, tags: ["o"], onDemand: ["O"] }
    const falls = { tags: ["o"], onDemand: "O" }
    const size = async () => {
      const [log] = await admin.keys("*:log")
      return admin.zcard(log!)
    }

    it("tells nobody of them while nobody keeps anything by them", async () => {
      const [a, b] = [await joined(server), await joined(server)]
      await a.set({ key: "other", value: 1, ttl: minute, tags: ["o"] })
      const before = await size()
      await a.invalidate(falls)
      assert.equal(await size(), before)
      assert.equal(await read(a, "other"), 1)

      const fence = b.capture()
      assert.equal(await b.set({ key: "k", value: 1, fence, ...onDemand }), false, "captured before")
      await until("what was not told in the last moment was told, and it stays", async () => {
        return (await read(a, "k")) === 1 || !(await b.set({ key: "k", value: 1, ...onDemand }))
      })
      await a.invalidate(falls)
      await until("it fell", async () => (await read(b, "k")) === undefined)
      assert.equal(await read(a, "k"), undefined)

      await b.set({ key: "k", value: 2, ...onDemand })
      const late = await joined(server)
      assert.equal(await read(late, "k"), 2)
      await late.invalidate(falls)
      await until("it fell again", async () => (await read(b, "k")) === undefined)
    })

    it("remembers a demand once, whatever others are called", async () => {
      const [a, b] = [await joined(server), await joined(server)]
      await a.demand(["Z:Y"])
      await Promise.all([a.demand(["Z"]), b.demand(["Z"])])
      const [log] = await admin.keys("*:log")
      const members = await admin.zrangebyscore(log!, "+inf", "+inf")
      assert.equal(members.filter((member) => /:Z:\d+$/.test(member)).length, 1)
    })

    it("demands a kind with half a character", async () => {
      const cache = await joined(server)
      const half = { ...onDemand, onDemand: ["half \ud83d"] }
      await cache.set({ key: "other", value: 1, ttl: minute })
      assert.equal(await cache.set({ key: "k", value: 1, ...half }), true)
      assert.equal(await read(cache, "k"), 1)
      assert.equal(await read(cache, "other"), 1)
      await cache.invalidate({ tags: ["o"], onDemand: "half \ud83d" })
      assert.equal(await read(cache, "k"), undefined)
    })

    it("demands them anew when Redis has forgotten", async () => {
      const [a, b] = [await joined(server), await joined(server)]
      await a.set({ key: "k", value: 1, ...onDemand })
      await admin.del(...(await admin.keys("*:log")))
      await a.invalidate({ tags: ["x"] })
      await until("both know", async () => a.stats().redis === "joined" && b.stats().redis === "joined")
      assert.equal(await read(a, "k"), undefined)
      assert.equal(await b.set({ key: "k", value: 2, ...onDemand }), true)
      await until("the other reads it", async () => (await read(a, "k")) === 2)
      await a.invalidate(falls)
      await until("it fell", async () => (await read(b, "k")) === undefined)
    })
  })

  it("does not trust what it holds after it slept", async () => {
    const clock = new FakeClock()
    const a = await joined(server, { clock })
    await a.set({ key: "k", value: 1, ttl: 10 * minute, tags: ["x"] })
    assert.equal(await read(a, "k"), 1)
    clock.advance(2_001)
    assert.equal(a.stats().redis, "away")
    assert.equal(await read(a, "k"), undefined)
    await until("a new proof of life came", () => a.stats().redis === "joined", 3_000)
    assert.equal(await read(a, "k"), 1)
  })
})

describe("the cache and a Redis that comes and goes", () => {
  it("starts on memory, says so once, joins, and forgets what a restart may have forgotten", async () => {
    const first = await startRedis()
    const port = Number(new URL(first.url).port)
    await first.stop()
    const states: string[] = []
    const cache = cacheOf({ redis: connect(first.url), onRedis: (state) => states.push(state) })
    await until("it said so", () => states.length > 0)
    await cache.set({ key: "k", value: 1, ttl: minute })
    assert.equal(await read(cache, "k"), 1)

    const second = await startRedis(port)
    await until("it joined", () => states.at(-1) === "joined")
    await cache.set({ key: "k", value: 2, ttl: minute })
    assert.equal(await read(cache, "k"), 2)

    await second.stop()
    await until("it noticed", () => states.at(-1) === "away")
    await cache.invalidate({ tags: ["x"] })
    const third = await startRedis(port)
    try {
      await until("it joined again", () => states.at(-1) === "joined")
      assert.equal(await read(cache, "k"), undefined)
      assert.deepEqual(states, ["away", "joined", "away", "joined"])
    } finally {
      await third.stop()
    }
  })
})
