/** The cache on a cluster and behind Sentinel: the contract, and what happens when a master is replaced. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import Redis from "ioredis"
import { type Cache, type CacheOptions, parseAddress } from "../../src/engine"
import { cacheContract } from "../../src/testing"
import { contractCache, joined, read } from "../support/caches"
import { type RedisGroup, startCluster, startSentinel, tell } from "../support/redis-groups"
import { until } from "../support/until"

const minute = 60_000

/** Nothing of before the change is answered after it; what changes meanwhile arrives; all join again. */
async function survives(group: RedisGroup, replaceMaster: () => Promise<unknown>): Promise<void> {
  const options: Partial<CacheOptions> = { trustWindow: 500 }
  const [a, b] = [await joined(group, options), await joined(group, options)]
  for (const key of ["kept", "changed"]) await a.set({ key, value: "old", ttl: minute, tags: [key] })
  assert.equal(await read(b, "changed"), "old")
  await replaceMaster()
  await a.invalidate({ tags: ["changed"] })
  assert.equal(await read(a, "changed"), undefined)
  const isGone = async (cache: Cache) => (await read(cache, "kept")) === undefined
  await until("nothing of before is left", async () => (await isGone(a)) && (await isGone(b)))
  await until("both joined again", () => [a, b].every((cache) => cache.stats().redis === "joined"), 30_000)
  for (const key of ["kept", "changed"]) assert.equal(await read(b, key), undefined)
  await a.set({ key: "kept", value: "new", ttl: minute })
  await until("the other finds it", async () => (await read(b, "kept")) === "new")
  await b.invalidate({ tags: ["kept"] })
  await b.delete("kept")
  await until("and hears what moves", async () => (await read(a, "kept")) === undefined)
}

describe("on a cluster of three masters", () => {
  let group: Awaited<ReturnType<typeof startCluster>>
  before(async () => {
    group = await startCluster()
  })
  after(() => group.stop())

  cacheContract("on a cluster", { make: () => contractCache(group.url, 1), isShared: true })

  it("spreads its entries over the nodes, each with a time to live, and finds them all by tag", async () => {
    const cache = await joined(group, { memory: { maxBytes: 1 } })
    for (let index = 0; index < 30; index++) {
      await cache.set({ key: `k${index}`, value: index, ttl: minute, tags: ["t"] })
    }
    for (const server of group.servers) {
      const redis = new Redis(server.url)
      const keys = await redis.keys("test:*:entry:*")
      assert.ok(keys.length > 0 && keys.length < 30)
      for (const key of await redis.keys("*")) assert.ok((await redis.pttl(key)) > 0, key)
      redis.disconnect()
    }
    const found = (await cache.findByTags(["t"], "k")) as number[]
    assert.deepEqual(
      found.sort((a, b) => a - b),
      Array.from({ length: 30 }, (_, index) => index),
    )
  })

  it("listens anew when the node it listened to ended the connection", async () => {
    const [a, b] = [await joined(group, { trustWindow: 500 }), await joined(group, { trustWindow: 500 })]
    const servers = [...group.servers, ...group.replicas]
    await Promise.all(servers.map((server) => tell(server, "CLIENT", "KILL", "TYPE", "pubsub")))
    await until("both are away", () => [a, b].every((cache) => cache.stats().redis === "away"))
    await until("both joined again", () => [a, b].every((cache) => cache.stats().redis === "joined"))
    await a.set({ key: "l", value: 1, ttl: minute, tags: ["t"] })
    await until("the other finds it", async () => (await read(b, "l")) === 1)
    await a.invalidate({ tags: ["t"] })
    await until("and hears what moves", async () => (await read(b, "l")) === undefined)
  })

  it("gives up what was before, when a replica takes over from the node of the log", async () => {
    const [index] = await logOf(group.servers)
    await survives(group, () => tell(group.replicas[index!]!, "CLUSTER", "FAILOVER", "TAKEOVER"))
  })

  it("runs on memory while a node hangs", async () => {
    const cache = await joined(group, { trustWindow: 500 })
    const [index] = await logOf([...group.servers, ...group.replicas])
    const { pid } = [...group.servers, ...group.replicas][index!]!
    process.kill(pid, "SIGSTOP")
    try {
      await until("it is away", () => cache.stats().redis === "away")
      assert.equal(await cache.getOrSet({ key: "h", load: () => 1, ttl: minute }), 1)
    } finally {
      process.kill(pid, "SIGCONT")
    }
    await until("it joined again", () => cache.stats().redis === "joined", 30_000)
  })
})

/** Which of the servers answers for the log of the prefix "test". */
async function logOf(servers: { url: string }[]): Promise<number[]> {
  const holding: number[] = []
  for (const [index, server] of servers.entries()) {
    const redis = new Redis(server.url)
    const isMaster = /role:master/.test(await redis.info("replication"))
    if (isMaster && (await redis.keys("{test:*}:log")).length > 0) holding.push(index)
    redis.disconnect()
  }
  return holding
}

describe("behind Sentinel", () => {
  let group: RedisGroup
  before(async () => {
    group = await startSentinel()
  })
  after(() => group.stop())

  cacheContract("behind Sentinel", { make: () => contractCache(group.url, 1), isShared: true })

  it("gives up what was before, when the master dies and the replica is promoted", async () => {
    const [master] = group.servers
    await survives(group, async () => process.kill(master!.pid, "SIGKILL"))
  })
})

describe("the address of Redis", () => {
  it("is read in all its forms", () => {
    const nodes = [
      { host: "a", port: 1 },
      { host: "::1", port: 6379 },
    ]
    assert.deepEqual(parseAddress("rediss+cluster://u:p%40@a:1,[::1]"), {
      kind: "cluster",
      nodes,
      login: { username: "u", password: "p@", tls: {} },
    })
    assert.deepEqual(parseAddress("redis+sentinel://:p@a,b:2/my-master/3"), {
      kind: "sentinel",
      nodes: [
        { host: "a", port: 26379 },
        { host: "b", port: 2 },
      ],
      name: "my-master",
      login: { password: "p", db: 3 },
    })
    assert.equal(parseAddress("redis://default:p@h:6379/1?family=0").kind, "server")
  })

  it("is refused when it is none", () => {
    const wrong = ["", "localhost:6379", "http://h", "redis://", "redis+cluster://", "redis+cluster://a,,b"]
    wrong.push("redis+sentinel://a:1", "redis+sentinel://a:1/m/x", "redis+cluster://a:1/2", "redis+other://a")
    for (const address of wrong) {
      assert.throws(() => parseAddress(address), { code: "PEGASUS_REDIS_URL_INVALID" }, address)
    }
  })
})
