/** Parts of what is loaded, on a real PostgreSQL that tells its changes. */
import assert from "node:assert/strict"
import { after, afterEach, before, beforeEach, describe, it } from "node:test"
import knex, { type Knex } from "knex"
import { neverKept } from "../../src/medusa/freshness"
import { keepReads } from "../../src/medusa/module-reads"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"

describe("the reads of modules", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let statements: string[]
  let service: { listThings(...given: unknown[]): Promise<unknown>; listOdd(): Promise<unknown> }

  before(async () => {
    database = await createDatabase("pegasus_parts")
    await database.client.query("create table thing (id text primary key, title text)")
    await database.client.query("create table other (id text primary key, title text)")
    await database.client.query("create table inventory_level (id text); create table cart (id text)")
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
    shared.on("query", ({ sql }) => statements.push(sql))
  })
  after(async () => {
    await shared?.destroy()
    await database?.drop()
  })
  beforeEach(async () => {
    statements = []
    await database.client.query("truncate thing, other")
    await database.client.query("insert into thing values ('a', 'A'), ('b', 'B')")
    await database.client.query("insert into other values ('a', 'A')")
    told = await toldCache(shared)
    const own = {
      listThings: async ({ table, id }: { table: string; id: string[] }) => shared(table).whereIn("id", id),
      listOdd: async () => [new URL((await shared("thing"))[0].id, "http://a")],
    }
    keepReads("things", own, { ...told, database: shared, ttl: 60_000 })
    service = own as never
    statements.length = 0
  })
  afterEach(() => told.close())

  /** What a page does: several reads under one key. @returns what it depends on */
  const page = (read: () => Promise<unknown>) =>
    told.freshness.within(async () => {
      const reading = told.freshness.begin("page")
      const value = await read()
      const kept = await told.freshness.end("page")
      return { value, reading, tags: kept?.tags ?? [] }
    })
  const things = (...id: string[]) => service.listThings({ table: "thing", id })
  const others = () => service.listThings({ table: "other", id: ["a"] })

  it("are done once for pages that need the same, and the page depends on what they read", async () => {
    const first = await page(() => things("a"))
    const second = await page(() => things("a"))
    assert.deepEqual(second.value, [{ id: "a", title: "A" }])
    assert.equal(statements.length, 1)
    assert.deepEqual(second.tags, first.tags)
    assert.ok(first.tags.length > 0)
  })

  it("are done anew when what they read has changed, and only those", async () => {
    await page(() => Promise.all([things("a"), others()]))
    statements.length = 0
    await database.client.query("update thing set title = 'new' where id = 'a'")
    assert.ok(await told.freshness.settled())
    const { value } = await page(() => Promise.all([things("a"), others()]))
    assert.deepEqual(value, [[{ id: "a", title: "new" }], [{ id: "a", title: "A" }]])
    assert.equal(statements.length, 1)
    assert.match(statements[0]!, /thing/)
  })

  it("give everyone a copy of his own", async () => {
    await page(() => things("a"))
    const { value } = await page(() => things("a"))
    Object.assign((value as { title: string }[])[0]!, { title: "spoilt" })
    assert.deepEqual((await page(() => things("a"))).value, [{ id: "a", title: "A" }])
  })

  it("of prices share what no rule tells apart, until a rule does", async () => {
    for (const table of ["price_rule", "price_list_rule", "price_preference"])
      await database.client.query(
        `create table if not exists ${table} (id text primary key, attribute text, deleted_at timestamptz)`,
      )
    await told.close()
    told = await toldCache(shared)
    let asked = 0
    const prices = {
      calculatePrices: async (
        { id }: { id: string[] },
        { context }: { context: Record<string, unknown> },
      ) => {
        asked++
        const rules = await shared("price_rule").orderBy("id")
        await shared("thing").whereIn("id", id)
        return rules.map(({ attribute }) => [attribute, context[attribute] ?? null])
      },
    }
    keepReads("pricing", prices, { ...told, database: shared, ttl: 60_000 })
    const priced = async (context: Record<string, unknown>) =>
      (await page(() => prices.calculatePrices({ id: ["a"] }, { context }))).value
    await priced({ currency_code: "eur", id: "cart 1", email: "one" })
    await priced({ currency_code: "eur", id: "cart 2", email: "two" })
    assert.equal(asked, 1)
    await priced({ currency_code: "usd", id: "cart 2" })
    assert.equal(asked, 2)
    await database.client.query("insert into price_rule values ('1', 'email')")
    assert.ok(await told.freshness.settled())
    assert.deepEqual(await priced({ currency_code: "eur", id: "cart 1", email: "one" }), [["email", "one"]])
    assert.deepEqual(await priced({ currency_code: "eur", id: "cart 2", email: "two" }), [["email", "two"]])
  })

  it("may show stock for as long as was asked, and carts never", async () => {
    const read = (table: string, stockTtl?: number) =>
      told.freshness.within(async () => {
        told.freshness.begin("page")
        await shared(table)
        await shared("thing").where({ id: "a" })
        return told.freshness.end("page", stockTtl)
      })
    assert.equal(await read("inventory_level"), neverKept)
    assert.equal(await read("cart", 5_000), neverKept)
    const kept = await read("inventory_level", 5_000)
    const left = kept!.until - Date.now()
    assert.ok(kept?.isWhole && left > 0 && left <= 5_000, String(left))
  })

  it("are kept of those methods alone that were named", async () => {
    const own = {
      listThings: async () => shared("thing").orderBy("id"),
      listOthers: async () => shared("other"),
    }
    keepReads("things", own, { ...told, database: shared, ttl: 60_000 }, /^listThings$/)
    for (let time = 0; time < 2; time++) await page(() => Promise.all([own.listThings(), own.listOthers()]))
    assert.deepEqual(statements.map((sql) => /from "(\w+)"/.exec(sql)?.[1]).sort(), [
      "other",
      "other",
      "thing",
    ])
  })

  it("are left alone where nothing is being kept, and with a context of their own", async () => {
    await things("a")
    await things("a")
    await page(() => service.listThings({ table: "thing", id: ["a"] }, {}, { transactionManager: {} }))
    await page(() => service.listThings({ table: "thing", id: ["a"] }, {}, { transactionManager: {} }))
    assert.equal(statements.length, 4)
  })

  it("are done anew where what was kept is being proven", async () => {
    await page(() => things("a"))
    await told.freshness.within(async () => {
      told.freshness.begin("proof").isProof = true
      await things("a")
    })
    assert.equal(statements.length, 2)
  })

  it("are not kept when a copy would not be the same", async () => {
    await page(() => service.listOdd())
    const { value } = await page(() => service.listOdd())
    assert.ok((value as URL[])[0] instanceof URL)
    assert.equal(statements.length, 2)
  })
})
