/** Statements of the catalogue, kept from one request to the next: on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, afterEach, before, beforeEach, describe, it } from "node:test"
import knex, { type Knex } from "knex"
import type { Database as Connection } from "../../src/medusa/freshness"
import { keepStatements } from "../../src/medusa/kept-statements"
import { PreparedStatements } from "../../src/medusa/prepared-statements"
import { spareRepeats } from "../../src/medusa/repeated-statements"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"

const schema = `
create table promotion (id text primary key, is_automatic boolean, used int, created_at timestamptz);
create table promotion_campaign_budget (id text primary key, promotion_id text);
create table cart (id text primary key);
create table gift_card (id text primary key, value int);
create function promote() returns void language sql as 'update promotion set is_automatic = true';`
const automatic = `select "p"."id" from "promotion" as "p" where "p"."is_automatic" = true order by "p"."id"`

describe("what a request asks of the catalogue", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let messages: string[] = []
  let prototype: { _query(...given: unknown[]): unknown }
  let counted: typeof prototype._query
  let locking: { acquire(keys: string): Promise<unknown>; execute(): Promise<unknown> }

  before(async () => {
    database = await createDatabase("pegasus_kept_statements")
    await database.client.query(schema)
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
    prototype = Object.getPrototypeOf((shared as unknown as { client: object }).client)
    const send = prototype._query
    counted = function (this: unknown, connection, query) {
      messages.push((query as { sql: string }).sql)
      return send.call(this, connection, query)
    }
  })
  beforeEach(async () => {
    await database.client.query("truncate promotion, promotion_campaign_budget, cart, gift_card")
    await database.client.query(
      "insert into promotion values ('a', true, 0, '2026-01-01'), ('b', false, 0, 'infinity')",
    )
    told = await toldCache(shared)
    prototype._query = counted
    locking = { acquire: async () => undefined, execute: async () => undefined }
    const prepared = new PreparedStatements(assert.fail)
    assert.ok(spareRepeats(shared as unknown as Connection, locking, told.freshness, prepared))
    keepStatements({ ...told, ttl: 60_000 })
  })
  afterEach(() => told.close())
  after(async () => {
    await shared?.destroy()
    await database?.drop()
  })

  const request = <T>(run: () => Promise<T>, kind?: string) =>
    told.freshness.request(
      true,
      async (request) => {
        messages = []
        const given = await run()
        told.freshness.answeredTo(request, { kind })
        return given
      },
      { kind },
    )
  const idsOf = async (sql = automatic) => (await shared.raw(sql)).rows.map(({ id }: { id: string }) => id)
  /** @returns how many messages the second of two requests sends that ask the same */
  const asks = async (sql: string) => {
    await request(() => idsOf(sql))
    await request(() => idsOf(sql))
    return messages.length
  }

  it("is asked once, and again when it has changed", async () => {
    assert.deepEqual(await request(idsOf.bind(undefined, automatic)), ["a"])
    assert.deepEqual(await request(() => idsOf()), ["a"])
    assert.equal(messages.length, 0)
    await database.client.query("update promotion set used = 1 where id = 'b'")
    await told.freshness.settled()
    assert.deepEqual([await request(() => idsOf()), messages.length], [["a"], 0], "of what it does not read")
    for (const [write, ids] of [
      ["update promotion set is_automatic = true where id = 'b'", ["a", "b"]],
      ["insert into promotion values ('c', true)", ["a", "b", "c"]],
      ["delete from promotion where id = 'a'", ["b", "c"]],
    ] as const) {
      await database.client.query(write)
      await told.freshness.settled()
      assert.deepEqual([await request(() => idsOf()), messages.length], [ids, 1])
    }
  })

  it("gives what it gave, and everybody has rows of his own", async () => {
    const partsOf = ({ rows, rowCount, command, fields }: Awaited<ReturnType<typeof shared.raw>>) =>
      structuredClone({ rows, rowCount, command, names: fields.map(({ name }: { name: string }) => name) })
    const sql = `select "p"."id", "p"."created_at" from "promotion" as "p" where "p"."id" = 'a'`
    const expected = partsOf(await shared.raw(sql))
    for (let time = 0; time < 3; time++) {
      const given = await request(() => shared.raw(sql))
      assert.deepEqual(partsOf(given), expected)
      given.rows[0].id = "changed"
      given.rows.length = 1
    }
    assert.equal(messages.length, 0)
  })

  it("is asked as often as somebody asks, when it is no shopper, or asks for anything else", async () => {
    assert.equal(await asks(automatic), 0)
    messages = []
    await idsOf()
    assert.equal(messages.length, 1)
    for (const sql of [
      `select "p".* from "promotion" as "p"`,
      `select "p"."used" from "promotion" as "p"`,
      `select "p"."id" from "promotion" as "p" where "p"."used" = 0`,
      `select "p"."id" from "promotion" as "p" left join "promotion_campaign_budget" as "b" on "b"."promotion_id" = "p"."id"`,
      `select "c"."id" from "cart" as "c"`,
      `select "g"."id" from "gift_card" as "g"`,
      `select "p"."id", "p"."created_at" from "promotion" as "p"`,
      `select "p"."id" from "promotion" as "p" where now() > '2026-01-01'`,
      "select 1 as id",
    ]) {
      assert.equal(await asks(sql), 1, sql)
    }
  })

  it("is what the database has for who wrote to it, and in a transaction", async () => {
    await request(() => idsOf())
    const seen = await request(async () => {
      await shared("promotion").update({ is_automatic: true })
      return idsOf()
    })
    assert.deepEqual(seen, ["a", "b"])
    await told.freshness.settled()
    await request(() => idsOf())
    const within = await request(() =>
      shared.transaction(async (transaction) => {
        await transaction("cart").insert({ id: "c" })
        return (await transaction.raw(automatic)).rows.length
      }),
    )
    assert.deepEqual([within, messages.includes(automatic)], [2, true])
  })

  it("is asked anew by who waited for a lock, and after a function that may write", async () => {
    await request(() => idsOf())
    const locked = request(async () => {
      // Nobody has heard of it yet.
      await database.client.query("update promotion set is_automatic = true")
      await locking.acquire("cart")
      return idsOf()
    })
    assert.deepEqual(await locked, ["a", "b"])
    await database.client.query("update promotion set is_automatic = false")
    await told.freshness.settled()
    await request(() => idsOf())
    const called = request(async () => {
      await shared.raw("select promote()")
      return idsOf()
    })
    assert.deepEqual(await called, ["a", "b"])
  })

  it("is answered before it is known how long it may be kept", async () => {
    let keep: (kept: undefined) => void = () => undefined
    told.freshness.end = () =>
      new Promise((resolve) => {
        keep = resolve
      })
    assert.deepEqual(await request(() => idsOf()), ["a"])
    keep(undefined)
  })

  it("is not kept when it moved since the request began", async () => {
    await request(async () => {
      await database.client.query("update promotion set is_automatic = false where id = 'a'")
      await told.freshness.settled()
      assert.deepEqual(await idsOf(), [])
    })
    await request(() => idsOf())
    assert.equal(messages.length, 1)
    await request(() => idsOf())
    assert.equal(messages.length, 0)
  })

  it("is not asked along while it is kept", async () => {
    const carts = `select "c"."id" from "cart" as "c"`
    const visit = () => request(async () => [await idsOf(carts), await idsOf()], "a kind")
    for (let time = 0; time < 5; time++) {
      await visit()
      assert.equal(
        messages.some((text) => text.includes("promotion")),
        time < 2,
        String(time),
      )
    }
    await database.client.query("update promotion set is_automatic = false")
    await told.freshness.settled()
    assert.deepEqual(await visit(), [[], []])
    assert.ok(messages.some((text) => text.includes("promotion")))
  })

  it("fails as often as it is asked and fails", async () => {
    const failing = `select "p"."id" from "promotion" as "p" where 1 / length("p"."id") = 0 and 1 / 0 = 1`
    for (let time = 0; time < 2; time++)
      await assert.rejects(
        request(() => idsOf(failing)),
        /zero/,
      )
    assert.equal(messages.length, 1)
  })
})
