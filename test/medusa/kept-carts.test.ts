/** Carts that are kept with the versions of their rows: beside a connection that always asks, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, afterEach, before, beforeEach, describe, it } from "node:test"
import { BigNumber } from "@medusajs/framework/utils"
import knex, { type Knex } from "knex"
import type { Database as Connection } from "../../src/medusa/freshness"
import { keepCarts } from "../../src/medusa/kept-carts"
import { noteReads } from "../../src/medusa/module-reads"
import { PreparedStatements } from "../../src/medusa/prepared-statements"
import { queryPackage } from "../../src/medusa/query-package"
import { spareRepeats } from "../../src/medusa/repeated-statements"
import { pickOf, randomOf } from "../history/random"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"

type Ask = (query: object, ...rest: unknown[]) => Promise<unknown>

describe("a cart that is shown", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let loads = 0
  const query = queryPackage()!.Query!.prototype as { internalQuery: Ask }
  const original = query.internalQuery

  before(async () => {
    database = await createDatabase("pegasus_kept_carts")
    await database.client.query(`
      create table cart (id text primary key, note text, deleted_at timestamptz);
      create table cart_line_item (id text primary key, cart_id text, amount numeric, deleted_at timestamptz);
      create table region (id text primary key, name text)`)
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
  })
  beforeEach(async () => {
    await database.client.query("truncate cart, cart_line_item, region")
    await database.client.query(
      "insert into cart values ('c', 'new'); insert into region values ('r', 'Europe')",
    )
    loads = 0
    told = await toldCache(shared)
    const locking = { acquire: async () => undefined, execute: async () => undefined }
    const prepared = new PreparedStatements(assert.fail)
    assert.ok(spareRepeats(shared as unknown as Connection, locking, told.freshness, prepared))
    // As Medusa loads a cart: one statement after the other, by what the one before gave.
    loadBy(async () => load((sql) => shared.raw(sql)))
  })
  afterEach(async () => {
    await told.close()
    query.internalQuery = original
  })
  after(async () => {
    await shared?.destroy()
    await database?.drop()
  })

  const load = async (ask: (sql: string) => Promise<{ rows: Record<string, string>[] }>) => {
    const { rows } = await ask("select c.* from cart as c where c.deleted_at is null and c.id in ('c')")
    const lines = await ask(
      "select l.* from cart_line_item as l where l.deleted_at is null and l.cart_id in ('c')",
    )
    const total = lines.rows.reduce((sum, { amount }) => sum + Number(amount), 0)
    return { ...rows[0], lines: lines.rows, total: new BigNumber(total) }
  }
  /** Whoever asks Medusa for a cart gets what this makes, or what was kept of it. */
  const loadBy = (make: () => Promise<object>) => {
    query.internalQuery = async () => {
      loads++
      return [await make()]
    }
    assert.ok(keepCarts({ ...told, database: shared as unknown as Connection, ttl: 60_000 }))
  }
  const truth = async () => [await load((sql) => database.client.query(sql))]
  const asked = { cart: { __args: { filters: { id: "c" } }, fields: ["id"] } }
  const show = (what: object = asked) =>
    told.freshness.request(true, (request) => {
      request.isRead = true
      return query.internalQuery(what)
    })
  const change = (write: () => Promise<unknown>) =>
    told.freshness.request(true, async () => {
      await write()
      return query.internalQuery(asked)
    })
  const write = () => shared("cart").update({ note: "changed" })

  it("is loaded once, and everybody gets his own", async () => {
    await database.client.query("insert into cart_line_item values ('l', 'c', 0.1), ('m', 'c', 0.2)")
    const expected = await truth()
    for (let time = 0; time < 3; time++) {
      const [cart] = (await show()) as Awaited<ReturnType<typeof truth>>
      assert.deepEqual([cart], expected)
      assert.ok(cart!.total instanceof BigNumber)
      assert.equal(cart!.total.bigNumber!.toString(), "0.30000000000000004")
      cart!.lines.length = 0
      cart!.total = new BigNumber(1)
    }
    assert.equal(loads, 1)
    await show({ cart: { __args: { filters: { id: "c" } }, fields: ["id", "note"] } })
    await show({ cart: { __args: { filters: { id: ["c"] } }, fields: ["id"] } })
    await show({ cart: { __args: { filters: { id: "c" } }, fields: ["id"] }, region: { fields: ["id"] } })
    assert.equal(loads, 4, "another question is asked")
  })

  it("is kept with whatever a shopper wrote into it", async () => {
    for (const note of ["what?", "pegasus number", "number"]) {
      await database.client.query("update cart set note = $1", [note])
      loadBy(async () => {
        const { rows } = await shared.raw(
          `select c.* from cart as c where c.note = '${note.replace("?", "\\?")}'`,
        )
        return { ...rows[0], metadata: { [note]: [1, {}, "2"] } }
      })
      loads = 0
      const first = await show({ cart: { ...asked.cart, note } })
      assert.deepEqual(await show({ cart: { ...asked.cart, note } }), first)
      assert.equal(loads, 1, note)
    }
  })

  it("is kept as the one who changed it got it, if it was shown so before", async () => {
    await change(write)
    await show()
    assert.equal(loads, 2)
    await change(write)
    assert.equal(loads, 3)
    assert.deepEqual(await show(), await truth())
    assert.equal(loads, 3)
  })

  it("is not kept when something is read of which nobody knows the versions", async () => {
    for (const sql of [
      "select count(*) from cart",
      "select * from cart where deleted_at < now()",
      "begin; commit",
    ]) {
      loadBy(async () => {
        await shared.raw(sql)
        return load((one) => shared.raw(one))
      })
      loads = 0
      for (let time = 0; time < 2; time++) await show({ cart: { ...asked.cart, sql } })
      assert.equal(loads, 2, sql)
    }
  })

  it("is not kept when a module of the store's own has a part in it", async () => {
    const points = { listPoints: async () => 7 }
    noteReads(points, told)
    loadBy(async () => ({ ...(await load((sql) => shared.raw(sql))), points: await points.listPoints() }))
    for (let time = 0; time < 2; time++) await show()
    assert.equal(loads, 2)
  })

  it("depends on what of the catalogue was kept, and lives no longer", async () => {
    const { freshness, cache } = told
    let life = 60_000
    loadBy(async () => {
      freshness.answered(undefined, { tags: ["region"], expiresAt: Date.now() + life })
      return load((sql) => shared.raw(sql))
    })
    for (let time = 0; time < 2; time++) await show()
    assert.equal(loads, 1)
    await cache.invalidate({ tags: ["region"] })
    life = 0
    for (let time = 0; time < 2; time++) await show()
    assert.equal(loads, 3)
  })

  it("is left alone where Medusa is not as expected", () => {
    const { internalQuery } = query
    Object.assign(query, { internalQuery: undefined })
    assert.equal(keepCarts({ ...told, database: shared as unknown as Connection, ttl: 1 }), false)
    query.internalQuery = internalQuery
  })

  const seed = Number(process.env.PEGASUS_TEST_SEED ?? Date.now() % 1_000_000)
  it(`is what it is, whoever changes it (seed ${seed})`, async () => {
    const random = randomOf(seed)
    const pick = pickOf(random)
    const changes = [
      "update cart set note = $1",
      "update cart set note = note where note <> $1",
      "update cart set deleted_at = case when deleted_at is null then now() end where note <> $1",
      "insert into cart_line_item values ($1, 'c', 1.5) on conflict (id) do update set amount = cart_line_item.amount + 1",
      "update cart_line_item set deleted_at = case when deleted_at is null then now() end where id <> $1",
      "update cart_line_item set cart_id = case cart_id when 'c' then 'd' else 'c' end where id <> $1",
      "delete from cart_line_item where id = $1",
    ]
    for (let round = 0; round < 150; round++) {
      const sql = pick(changes)
      const value = pick(["a", "b", "c"])
      const what = random()
      if (what < 0.2) await change(() => shared.raw(sql.replace("$1", "?"), [value]))
      else if (what < 0.6) await database.client.query(sql, [value])
      else if (what < 0.7) {
        await database.client.query("begin")
        await database.client.query(sql, [value])
        await database.client.query("rollback")
      }
      assert.deepEqual(await show(), await truth(), sql)
    }
    assert.ok(loads < 140, `${loads} loads`)
  })
})
