/** Links that are made at once, on a real PostgreSQL whose tables tell of changes. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { Client } from "pg"
import { install } from "../../src/feed"
import { JoinedLinks } from "../../src/medusa/joined-links"
import type { Response } from "../../src/tracking"
import { createDatabase, type Database } from "../support/database"

describe("links that are made at once", () => {
  let database: Database
  let others: Client[]
  let sent: string[] = []
  const tables = ["thing_place", "thing_price", "thing_channel"]

  before(async () => {
    database = await createDatabase("pegasus_links")
    for (const table of tables) {
      await database.client.query(`
        create table ${table} (id text not null, thing_id text, other_id text check (other_id <> 'never'),
          created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
          deleted_at timestamptz, primary key (thing_id, other_id))`)
    }
    await install(database.client)
    others = await Promise.all(
      tables.map(async () => {
        const client = new Client({ connectionString: database.url })
        await client.connect()
        return client
      }),
    )
    await others[0]!.query("listen pegasus_feed")
  })
  const empty = async () => {
    for (const table of tables) await database.client.query(`truncate ${table}`)
    sent = []
  }
  beforeEach(empty)
  after(async () => {
    for (const client of others) await client.end()
    await database?.drop()
  })

  const upsert = (table: string, id: string, other = "o") =>
    `insert into "${table}" ("deleted_at", "id", "other_id", "thing_id") values (NULL, '${id}', '${other}', 't''(') ` +
    `on conflict ("thing_id", "other_id") do update set "id" = excluded."id", "deleted_at" = excluded."deleted_at" ` +
    `returning "created_at", "updated_at"`

  /** Each on its own connection. */
  async function make(texts: readonly string[], mayJoin: (table: string) => boolean = () => true) {
    const links = new JoinedLinks(mayJoin)
    const made = texts.map(
      (text, index) =>
        new Promise<Response & { command: string; rowCount: number }>((resolve, reject) => {
          links.ask({
            text,
            ask: (whole, answered) => {
              sent.push(whole)
              others[index]!.query(whole, answered)
            },
            answered: (error, response) =>
              error ? reject(error) : resolve(response as Response & { command: string; rowCount: number }),
          })
        }),
    )
    return Promise.allSettled(made)
  }
  const idsOf = async (table: string) =>
    (await database.client.query(`select id from ${table} where thing_id = 't''('`)).rows.map(({ id }) => id)
  const rowOf = async (table: string) =>
    (await database.client.query(`select created_at, updated_at from ${table}`)).rows[0]

  it("go as one statement, and each gives what it would give alone", async () => {
    const told: string[] = []
    others[0]!.on("notification", ({ payload }) => told.push(JSON.parse(payload!).t))
    const [old] = await make([upsert("thing_price", "before")])
    await others[0]!.query("select 1")
    told.length = 0
    const results = await make(tables.map((table) => upsert(table, table)))
    assert.equal(sent.length, 2)
    for (const [index, table] of tables.entries()) {
      const result = results[index]!
      assert.ok(result.status === "fulfilled")
      const { command, rowCount, rows, fields } = result.value
      assert.deepEqual([command, rowCount, rows], ["INSERT", 1, [await rowOf(table)]])
      assert.deepEqual(
        fields.map(({ name }) => name),
        ["created_at", "updated_at"],
      )
      assert.deepEqual(await idsOf(table), [table])
      if (table === "thing_price" && old?.status === "fulfilled") assert.deepEqual(rows, old.value.rows)
    }
    await others[0]!.query("select 1")
    assert.deepEqual([...new Set(told)].sort(), [...tables].sort())
  })

  it("go alone when one is refused", async () => {
    const texts = tables.map((table, index) => upsert(table, "a", index === 1 ? "never" : "o"))
    const [first, refused, last] = await make(texts)
    assert.deepEqual([first!.status, last!.status], ["fulfilled", "fulfilled"])
    assert.ok(refused?.status === "rejected")
    assert.equal(refused.reason.code, "23514")
    assert.equal(sent.length, 4)
    assert.deepEqual(await Promise.all(tables.map(idsOf)), [["a"], [], ["a"]])
  })

  it("go alone when they are not of different tables, or are something else", async () => {
    const [one, other] = [upsert("thing_place", "a"), upsert("thing_price", "b")]
    const apart = [
      [one, upsert("thing_place", "a", "p")],
      [one, other.replace("'o'", "lower('O')")],
      [one, other.replace(/ on conflict.* returning/, " returning")],
      [one, other.replace(/do update.* returning/, "do nothing returning")],
      [one, other.replace(/ returning.*/, "")],
      [one, other.replace("values (NULL", "values (NULL, 'x', 'y', 'z'), (NULL")],
    ]
    for (const texts of apart) {
      await empty()
      for (const { status } of await make(texts)) assert.equal(status, "fulfilled", texts[1])
      assert.deepEqual(sent, texts)
    }
    sent = []
    await make([one, other], (table) => table !== "thing_price")
    assert.deepEqual(sent, [one, other])
  })
})
