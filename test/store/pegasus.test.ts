/** Two real store processes with Pegasus on one database and one Redis. */
import assert from "node:assert/strict"
import { after, before, describe, it, mock } from "node:test"
import Redis from "ioredis"
import { startRedis } from "../../demo/run/redis"
import { Client } from "../../src/bench/client"
import { readCatalogue } from "../../src/bench/rows/catalogue"
import { walk } from "../../src/bench/rows/flow"
import { table } from "../../src/bench/rows/table"
import { parseStore } from "../../src/bench/store"
import { wireFormat } from "../../src/engine/wire"
import { withClient } from "../../src/feed"
import { address, adminOf, sdkOf, shop } from "../support/shopper"
import { startStore } from "../support/store"
import { until } from "../support/until"

type Store = Awaited<ReturnType<typeof startStore>>

describe("a store with Pegasus", () => {
  let redis: Awaited<ReturnType<typeof startRedis>>
  let port: number
  let first: Store
  let second: Store

  before(async () => {
    redis = await startRedis()
    port = Number(new URL(redis.url).port)
    const args = ["--cache", "pegasus", "--redis-url", redis.url]
    const stores = await Promise.all([startStore(args), startStore([...args, "--proxy"])])
    first = stores[0]
    second = stores[1]
  })
  after(async () => {
    await first?.stop()
    await second?.stop()
    await redis?.stop()
    assert.deepEqual([...(first?.descendants() ?? []), ...(second?.descendants() ?? [])], [])
  })

  const list = async (store: Store) => {
    const { products } = await sdkOf(store.ready).store.product.list({
      region_id: store.ready.regionId,
      fields: "id,title,*variants.calculated_price",
    })
    return products
  }

  it("says what it is", () => {
    const { ready } = first
    assert.equal(ready.cache, "pegasus")
    assert.equal(ready.redisUrl, redis.url)
    const home = ready.regions.find(({ id }) => id === ready.regionId)
    assert.equal(home?.currency, "eur")
    assert.deepEqual(home?.countries.sort(), ["de", "fr"])
    process.kill(ready.pid, 0)
  })

  it("lets Medusa's own SDK shop, from the list to the order", async () => {
    const order = await shop(first.ready)
    const { order: found } = await sdkOf(first.ready).store.order.retrieve(order.id)
    assert.equal(found.total, order.total)
    await shop(second.ready)
  })

  it("lets the shopper of the benchmark shop, and look at the order again without being measured", async () => {
    const store = parseStore("one", first.ready)
    const { sizes, hot } = await readCatalogue([store], 0, () => 0)
    const sent = mock.method(Client.prototype, "send")
    const { steps, fault } = await walk({
      ...{ store, productId: hot[0]!.one!, catalogueSize: sizes.one!, looks: 2 },
    })
    sent.mock.restore()
    assert.equal(fault, undefined)
    assert.equal(steps.length, table.length)
    const paths = sent.mock.calls.map(({ arguments: [request] }) => request.path)
    assert.equal(new Set(paths.slice(-3)).size, 1)
    assert.match(paths.at(-1)!, /^\/store\/orders\//)
    assert.notEqual(paths.at(-4), paths.at(-1))
  })

  it("keeps what Medusa caches in Redis, under its prefix and format", async () => {
    await list(first)
    const client = new Redis(redis.url)
    await until(
      "entries are in Redis",
      async () => (await client.keys(`pegasus:*:v${wireFormat}:entry:*`)).length > 0,
    )
    const lives = new Map<string, number>()
    for (const key of await client.keys("*")) lives.set(key, await client.pttl(key))
    client.disconnect()
    // -1: for ever; -2: gone meanwhile.
    for (const [key, life] of lives) assert.notEqual(life, -1, `${key} lives for ever`)
  })

  it("answers a changed title at once in the process that changed it, and soon in the other", async () => {
    const [product] = await list(first)
    const titleIn = async (store: Store) => (await list(store)).find(({ id }) => id === product!.id)!.title
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const admin = await adminOf(one.ready)
      for (let time = 0; time < 5; time++) {
        for (const store of [one, other, one, other]) await titleIn(store)
        const title = `${product!.title} ${Date.now()}`
        await admin.admin.product.update(product!.id, { title })
        assert.equal(await titleIn(one), title)
        const isThere = async () => (await titleIn(other)) === title
        await until("the other process answers the new title", isThere, 2_000)
      }
      await admin.admin.product.update(product!.id, { title: product!.title })
    }
  })

  it("gives the price of a rule at once, whatever of a cart it names, and whoever made it", async () => {
    const { store } = sdkOf(first.ready)
    const { regionId: region_id, databaseUrl } = first.ready
    const [product] = (await store.product.list({ limit: 1, fields: "id,*variants" })).products
    const variant_id = product!.variants![0]!.id
    const priceOf = async (email: string) => {
      const { cart } = await store.cart.create({ region_id, email, shipping_address: address })
      const { cart: filled } = await store.cart.createLineItem(cart.id, { variant_id, quantity: 1 })
      return filled.items![0]!.unit_price
    }
    const before = await priceOf("ada@example.com")
    await withClient({ connectionString: databaseUrl }, undefined, (client) =>
      client.query(
        `with made as (
           insert into price (id, price_set_id, currency_code, amount, raw_amount, rules_count)
           select 'price_of_grace', price_set_id, 'eur', 1, '{"value": "1", "precision": 20}', 1
           from product_variant_price_set where variant_id = '${variant_id}' returning id)
         insert into price_rule (id, price_id, attribute, value, operator, priority)
         select 'rule_of_grace', id, 'email', 'grace@example.com', 'eq', 0 from made`,
      ),
    )
    try {
      await until("the rule is heard", async () => (await priceOf("grace@example.com")) === 1, 3_000)
      assert.equal(await priceOf("ada@example.com"), before)
    } finally {
      await withClient({ connectionString: databaseUrl }, undefined, (client) =>
        client.query(
          "delete from price_rule where id = 'rule_of_grace'; delete from price where id = 'price_of_grace'",
        ),
      )
    }
  })

  it("loses no request while Redis hangs, dies and comes back", async () => {
    process.kill(redis.pid, "SIGSTOP")
    try {
      await shop(first.ready)
    } finally {
      process.kill(redis.pid, "SIGCONT")
    }
    await shop(first.ready)
    await redis.stop()
    await shop(first.ready)
    redis = await startRedis(port)
    await shop(first.ready)
    const client = new Redis(redis.url)
    await until("it joined the new Redis", async () => {
      await list(first)
      return (await client.keys(`pegasus:*:v${wireFormat}:entry:*`)).length > 0
    })
    client.disconnect()
    const lines = first.stderr() + first.stdout()
    assert.doesNotMatch(lines, /Unhandled/)
  })
})
