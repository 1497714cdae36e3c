/** The module as Medusa drives it: through `useCache`, with the feature flag on and Medusa's local event bus. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { FeatureFlag, useCache } from "@medusajs/framework/utils"
import type { Cache } from "../../src/engine"
import { CachingModuleService } from "../../src/medusa/caching-module"

type Interceptor = (event: { name: string; data?: unknown }) => Promise<void>

const interceptors: Interceptor[] = []
const logged: string[] = []
const log = (line: string) => void logged.push(line)
const dependencies = {
  logger: { info: log, warn: log, error: log },
  event_bus: { addInterceptor: (interceptor: Interceptor) => interceptors.push(interceptor) },
  pegasusEnvironment: "test",
} as never
const emit = (event: { name: string; data?: unknown }) => Promise.all(interceptors.map((tell) => tell(event)))

function gate() {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((open) => {
    resolve = open
  })
  return { promise, resolve }
}

describe("the caching module", () => {
  let module: CachingModuleService
  let container: { resolve(name: string): unknown }
  let loads = 0

  before(() => FeatureFlag.setFlag("caching", true))
  after(() => FeatureFlag.setFlag("caching", false))
  beforeEach(async () => {
    interceptors.length = 0
    logged.length = 0
    loads = 0
    module = new CachingModuleService(dependencies, {
      pegasus: { feed: { source: "events" } },
      providerIds: ["pegasus", "second"],
    })
    await module.__hooks.onApplicationStart()
    logged.length = 0
    container = { resolve: (name) => (name === "caching" ? module : dependencies) }
  })

  const load = async () => ({ data: [{ id: `prod_${++loads}`, at: new Date(loads) }] })
  const cached = (options: object = {}, loader: () => Promise<unknown> = load) =>
    useCache(loader, {
      container: container as never,
      key: [{ entity: "product" }],
      enable: true,
      ...options,
    })
  const tags = ["Product:list:*"]

  it("loads once, and keeps dates", async () => {
    const first = await cached({ tags })
    assert.deepEqual(await cached({ tags }), first)
    assert.equal(loads, 1)
  })

  it("loads once for all who ask at the same time", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => cached({ tags })))
    assert.equal(loads, 1)
    assert.equal(new Set(answers).size, 20)
  })

  it("lets nobody wait for one who only looked", async () => {
    assert.equal(await module.get({ key: "k" }), null)
    const started = Date.now()
    assert.equal(await module.get({ key: "k" }), null)
    assert.ok(Date.now() - started < 1_000)
  })

  it("gives one key to the same input in any order", async () => {
    const [a, b] = [
      { x: 1, y: { p: [1, 2], q: null } },
      { y: { q: null, p: [1, 2] }, x: 1 },
    ]
    assert.equal(await module.computeKey(a), await module.computeKey(b))
    assert.notEqual(await module.computeKey(a), await module.computeKey({ ...a, x: 2 }))
    assert.notEqual(await module.computeKey([1, 2]), await module.computeKey([2, 1]))
  })

  it("clears on Medusa's events, but not what asked to be kept", async () => {
    await cached({ tags })
    await cached({ key: "kept", tags, autoInvalidate: false })
    await emit({ name: "product.product.updated", data: { id: "prod_9" } })
    await cached({ tags })
    await cached({ key: "kept", tags, autoInvalidate: false })
    assert.equal(loads, 3)
  })

  it("demands the events that may clear what it keeps, and no others", async (t) => {
    const { cache } = module as unknown as { cache: Cache }
    const set = t.mock.method(cache, "set")
    await cached({ tags: [...tags, "Cart:cart_1", "mine"] })
    await cached({ key: "kept", tags, autoInvalidate: false })
    await cached({ key: "a minute", ttl: 60 }, async () => ({ data: [] }))
    assert.deepEqual(
      set.mock.calls.map(({ arguments: [options] }) => options.onDemand),
      [["Product", "Cart"], [], []],
    )
  })

  it("does not keep for an hour what no event could clear", async () => {
    const nothing = async () => {
      loads++
      return { data: [] }
    }
    await cached({}, nothing)
    await cached({}, nothing)
    assert.equal(loads, 2)
    await cached({ key: "a minute", ttl: 60 }, nothing)
    await cached({ key: "a minute", ttl: 60 }, nothing)
    assert.equal(loads, 3)
  })

  it("clears by tag and by key when asked, kept or not", async () => {
    await cached({ key: "kept", tags, autoInvalidate: false })
    await module.clear({ tags })
    await cached({ key: "kept", tags, autoInvalidate: false })
    assert.equal(loads, 2)
    await module.clear({ key: "kept" })
    await cached({ key: "kept", tags })
    assert.equal(loads, 3)
    await module.clear({ tags: ["*"] })
    await cached({ key: "kept", tags })
    assert.equal(loads, 4)
  })

  it("drops the result of a load during which its data changed", async () => {
    await cached({ tags }, async () => {
      const old = await load()
      await emit({ name: "product.product.updated", data: { id: "prod_1" } })
      return old
    })
    await cached({ tags })
    assert.equal(loads, 2)
  })

  it("keeps the old out when two loads overlap and a change comes between them", async () => {
    const gates = [gate(), gate()]
    // Two misses that do not wait for each other, as when the first has run into the lock timeout.
    const ask = async (index: number, value: string) => {
      await module.get({ key: "k" })
      await gates[index]!.promise
      await module.set({ key: "k", data: { value }, tags })
    }
    const old = ask(0, "old")
    await emit({ name: "product.product.updated", data: { id: "prod_1" } })
    const fresh = ask(1, "new")
    gates[1]!.resolve()
    await fresh
    gates[0]!.resolve()
    await old
    assert.equal(await module.get({ key: "k" }), null)
  })

  it("refuses the result of a load that nobody remembers", async () => {
    await module.set({ key: "k", data: { value: "old" }, ttl: 60, computeAutomaticTags: false, tags })
    assert.equal(await module.get({ key: "k" }), null)
    await module.set({ key: "k", data: { value: "told" }, ttl: 60, tags })
    assert.deepEqual(await module.get({ key: "k" }), { value: "told" })
  })

  it("takes 0 seconds for no end", async () => {
    await module.set({ key: "k", data: { value: 1 }, ttl: 0 })
    assert.deepEqual(await module.get({ key: "k" }), { value: 1 })
  })

  it("knows the default of the module it replaced by both names", async () => {
    const ids = { providerIds: ["pegasus", "caching-redis", "second"], replacedDefault: "caching-redis" }
    const replacing = new CachingModuleService(dependencies, { pegasus: {}, ...ids })
    await replacing.set({ key: "k", data: { n: 1 }, ttl: 60, providers: ["caching-redis"] })
    assert.deepEqual(await replacing.get({ key: "k" }), { n: 1 })
    await replacing.clear({ key: "k" })
    assert.equal(await replacing.get({ key: "k", providers: ["caching-redis"] }), null)
  })

  it("listens to all events of a bus that knows no interceptors, and says so", async () => {
    let hear: Interceptor = async () => undefined
    const subscribing = {
      subscribe: (_name: string, listener: Interceptor) => {
        hear = listener
      },
    }
    const old = new CachingModuleService({ ...(dependencies as object), event_bus: subscribing } as never, {
      pegasus: { feed: { source: "events" } },
      providerIds: ["pegasus"],
    })
    await old.__hooks.onApplicationStart()
    await old.set({ key: "k", data: { n: 1 }, tags })
    await hear({ name: "product.product.updated", data: { id: "prod_1" } })
    assert.equal(await old.get({ key: "k" }), null)
    assert.match(logged.join("\n"), /no interceptors/)
  })

  it("takes seconds at its border", async () => {
    await cached({ ttl: 0.001 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await cached()
    assert.equal(loads, 2)
  })

  it("keeps providers apart and asks them in order", async () => {
    await module.set({ key: "k", data: { in: "second" }, ttl: 60, providers: [{ id: "second", ttl: 60 }] })
    assert.equal(await module.get({ key: "k" }), null)
    assert.deepEqual(await module.get({ key: "k", providers: ["pegasus", "second"] }), { in: "second" })
    await module.clear({ key: "k" })
    assert.deepEqual(await module.get({ key: "k", providers: ["second"] }), { in: "second" })
  })

  it("skips a provider nobody declared when reading, and refuses it when writing", async () => {
    assert.equal(await module.get({ key: "k", providers: ["stranger"] }), null)
    assert.equal(await module.get({ key: "k", providers: ["stranger"] }), null)
    assert.equal(logged.filter((line) => line.includes("stranger")).length, 1)
    const refused = { code: "PEGASUS_PROVIDER_UNKNOWN" }
    await assert.rejects(module.set({ key: "k", data: {}, providers: ["stranger"] }), refused)
    await assert.rejects(module.clear({ key: "k", providers: ["stranger"] }), refused)
  })

  it("refuses a call with neither key nor tags", async () => {
    const refused = { code: "PEGASUS_KEY_MISSING" }
    await assert.rejects(module.get({}), refused)
    await assert.rejects(module.set({ key: "", data: {} }), refused)
    await assert.rejects(module.clear({}), refused)
  })

  it("finds by tags", async () => {
    await module.set({ key: "a", data: { n: 1 }, tags: ["x"] })
    await module.set({ key: "b", data: { n: 2 }, tags: ["x"], options: { autoInvalidate: false } })
    const found = (await module.get({ tags: ["x"] })) as { n: number }[]
    assert.deepEqual(found.map(({ n }) => n).sort(), [1, 2])
    assert.equal(await module.get({ tags: ["y"] }), null)
  })
})
