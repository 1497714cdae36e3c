/** Transactions whose first statement is put together while they begin, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import knex, { type Knex } from "knex"
import type { Database as Connection } from "../../src/medusa/freshness"
import { overlapBegins } from "../../src/medusa/overlapped-begins"
import { createDatabase, type Database } from "../support/database"

interface Query {
  sql: string
}

describe("a transaction that begins", () => {
  let database: Database
  let shared: Knex
  /** What is on its way to PostgreSQL: begun, and answered. */
  let journey: string[] = []
  let failing: string | undefined

  before(async () => {
    database = await createDatabase("pegasus_begins")
    await database.client.query("create table thing (id int primary key)")
    shared = knex({
      client: "pg",
      connection: { connectionString: database.url },
      pool: { min: 0, max: 1 },
    })
    const { client } = shared as unknown as { client: object }
    const prototype = Object.getPrototypeOf(client)
    const send = prototype._query
    prototype._query = async function (connection: unknown, query: Query) {
      const word = query.sql.split(/[ ;]/)[0]!.toLowerCase()
      journey.push(word)
      if (query.sql === failing) throw new Error("refused")
      try {
        return await send.call(this, connection, query)
      } finally {
        journey.push(`${word} answered`)
      }
    }
    assert.ok(overlapBegins(shared as unknown as Connection))
  })
  beforeEach(async () => {
    await database.client.query("truncate thing")
    journey = []
    failing = undefined
  })
  after(async () => {
    await shared?.destroy()
    await database?.drop()
  })

  const ids = async () =>
    (await database.client.query("select id from thing order by 1")).rows.map(({ id }) => id)

  it("is not waited for, but by what it asks first", async () => {
    await shared.transaction(async (transaction) => {
      assert.deepEqual(journey, ["begin"])
      await transaction("thing").insert({ id: 1 })
      assert.deepEqual(await ids(), [])
      await transaction("thing").insert({ id: 2 })
    })
    const [first, ...rest] = journey
    assert.deepEqual([first, rest[0], rest[1]], ["begin", "begin answered", "insert"])
    assert.equal(rest.at(-1), "commit answered")
    assert.deepEqual(await ids(), [1, 2])
  })

  it("ends as ever", async () => {
    const failed = shared.transaction(async (transaction) => {
      await transaction("thing").insert({ id: 1 })
      await transaction("thing").insert({ id: 1 })
    })
    await assert.rejects(failed, /duplicate/)
    await shared.transaction(async () => undefined)
    await shared.transaction(async (transaction) => transaction("thing").insert({ id: 3 }), {
      isolationLevel: "serializable",
    })
    await shared.transaction(async (outer) => {
      await outer.transaction(async (inner) => inner("thing").insert({ id: 4 }))
    })
    assert.deepEqual(await ids(), [3, 4])
  })

  it("that fails to begin writes nothing", async () => {
    failing = "BEGIN;"
    const failed = shared.transaction(async (transaction) => transaction("thing").insert({ id: 1 }))
    await assert.rejects(failed, /refused/)
    await assert.rejects(
      shared.transaction(async () => undefined),
      /refused/,
    )
    assert.deepEqual(await ids(), [])
    failing = undefined
    await shared("thing").insert({ id: 2 })
    assert.deepEqual(await ids(), [2])
  })

  it("is left alone where knex is not as expected", () => {
    assert.equal(overlapBegins({ client: {} } as never), false)
  })
})
