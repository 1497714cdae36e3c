/** Each way in which Redis can be in trouble: nothing throws, nobody waits long, nothing old is answered. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import type Redis from "ioredis"
import { type RedisServer, startRedis } from "../../demo/run/redis"
import { type Cache, connect, type RedisState } from "../../src/engine"
import { type Chaos, chaos } from "../../src/testing"
import { joined, read } from "../support/caches"
import { tell } from "../support/redis-groups"
import { until } from "../support/until"

const minute = 60_000

interface Fault {
  name: string
  /** What the cache says of it, and what others see of a change meanwhile. */
  state: Exclude<RedisState, "joined">
  begin(): Promise<unknown>
  end(): Promise<unknown>
}

describe("the cache and a Redis in trouble", () => {
  let server: RedisServer
  let way: Chaos
  before(async () => {
    server = await startRedis()
    way = await chaos(server.url)
  })
  after(async () => {
    way.close()
    await server.stop()
  })

  const faults: Fault[] = [
    { name: "that hangs", state: "away", begin: async () => way.hang(), end: async () => way.heal() },
    { name: "that is cut off", state: "away", begin: async () => way.cut(), end: async () => way.heal() },
    {
      name: "that is slower than the budget",
      state: "away",
      begin: async () => way.delay(150),
      end: async () => way.delay(0),
    },
    {
      name: "that is read-only",
      state: "away",
      begin: () => tell(server, "REPLICAOF", "127.0.0.1", "1"),
      end: () => tell(server, "REPLICAOF", "NO", "ONE"),
    },
    {
      name: "that is full",
      state: "refusing",
      begin: () => tell(server, "CONFIG", "SET", "maxmemory", "1"),
      end: () => tell(server, "CONFIG", "SET", "maxmemory", "0"),
    },
  ]

  for (const { name, state, begin, end } of faults) {
    it(`carries on with one ${name}, says so once, and joins again`, async () => {
      const states: RedisState[] = []
      const watch = (next: RedisState) => states.push(next)
      const a = await joined({ url: way.url }, { trustWindow: 500, onRedis: watch })
      const b = await joined({ url: way.url }, { trustWindow: 500 })
      await a.set({ key: "price", value: 1, ttl: minute, tags: ["p"] })
      assert.equal(await a.getOrSet({ key: "price", load: () => 0, ttl: minute }), 1)
      assert.equal(await b.getOrSet({ key: "price", load: () => 0, ttl: minute }), 1)
      await begin()
      try {
        const work = async (cache: Cache, round: number) =>
          cache.getOrSet({ key: `other${round}`, load: () => round, ttl: minute })
        for (let round = 0; round < 6; round++) {
          assert.equal(await work(a, round), round)
          await a.set({ key: `s${round}`, value: round, ttl: minute })
        }
        await until("it is told", async () => {
          await a.set({ key: "s", value: 0, ttl: minute })
          return states.at(-1) === state
        })
        await a.invalidate({ tags: ["p"] })
        assert.equal(await a.getOrSet({ key: "price", load: () => 2, ttl: minute, tags: ["p"] }), 2)
        const seen = async () =>
          (await b.getOrSet({ key: "price", load: () => 2, ttl: minute, tags: ["p"] })) === 2
        await until("the other answers nothing old either", seen)
      } finally {
        await end()
      }
      await until("it joined again", async () => {
        await a.set({ key: "s", value: 0, ttl: minute })
        return a.stats().redis === "joined"
      })
      await until("the other joined too", () => b.stats().redis !== "away")
      assert.equal(await b.getOrSet({ key: "price", load: () => 2, ttl: minute, tags: ["p"] }), 2)
      assert.deepEqual(states, ["joined", state, "joined"])
    })
  }

  it("tries again five times a second, however long it was away", () => {
    const redis = connect("redis://localhost:1") as Redis
    const pauses = Array.from({ length: 40 }, (_, attempt) => redis.options.retryStrategy!(attempt + 1))
    assert.ok(pauses.every((pause) => typeof pause === "number" && pause > 0 && pause <= 200))
    redis.disconnect()
  })

  it("loads once in two processes although a read was given up: the right to load may take longer", async () => {
    const [a, b] = await Promise.all([joined({ url: way.url }), joined({ url: way.url })])
    let loads = 0
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const load = async () => {
      loads++
      await ended
      return "page"
    }
    const ask = (cache: Cache) => cache.getOrSet({ key: "crowded", load, ttl: minute })
    way.delay(100)
    try {
      const first = ask(a)
      await until("one loads", () => loads > 0)
      const second = ask(b)
      await until("the other gave up its read", () => b.stats().redis === "away")
      way.delay(0)
      setImmediate(end)
      assert.deepEqual(await Promise.all([first, second]), ["page", "page"])
      assert.equal(loads, 1)
    } finally {
      way.delay(0)
    }
  })

  it("lets fall what was set on demand before another had heard of the demand", async () => {
    const [a, b] = [await joined({ url: way.url }), await joined(server)]
    way.hang()
    try {
      await b.set({ key: "order", value: 1, ttl: minute, tags: ["o"], onDemand: ["O"] })
      await a.invalidate({ tags: ["o"], onDemand: "O" })
      assert.equal(await read(b, "order"), 1)
    } finally {
      way.heal()
    }
    await until("it fell", async () => (await read(b, "order")) === undefined)
  })

  it("lets it fall, too, when the other closes before it has heard", async () => {
    const [a, b] = [await joined({ url: way.url }), await joined(server)]
    way.hang()
    await b.set({ key: "order", value: 2, ttl: minute, tags: ["p"], onDemand: ["P"] })
    await a.invalidate({ tags: ["p"], onDemand: "P" })
    const closing = a.close()
    way.heal()
    await closing
    await until("it fell", async () => (await read(b, "order")) === undefined)
  })

  it("makes those who wait for a Redis that hangs wait once, together", async () => {
    const cache = await joined({ url: way.url }, { redisBudget: 100 })
    way.hang()
    try {
      const started = performance.now()
      const ask = (_: unknown, index: number) =>
        cache.getOrSet({ key: `k${index}`, load: () => index, ttl: minute })
      await Promise.all(Array.from({ length: 100 }, ask))
      const first = performance.now() - started
      for (let index = 100; index < 200; index++) await ask(0, index)
      // A hundred waits one after the other would be ten seconds.
      assert.ok(performance.now() - started < 10 * first, "only the first wait")
    } finally {
      way.heal()
    }
  })
})
