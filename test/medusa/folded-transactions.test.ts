/** Transactions that begin with their first statement, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it, mock } from "node:test"
import { ChangeSetPersister } from "@medusajs/framework/mikro-orm/core"
import knex, { type Knex } from "knex"
import { tellFlushes } from "../../src/medusa/flushed-updates"
import { foldTransactions } from "../../src/medusa/folded-transactions"
import type { Database as Connection } from "../../src/medusa/freshness"
import type { AfterCommit } from "../../src/medusa/knex-client"
import { PreparedStatements } from "../../src/medusa/prepared-statements"
import { createDatabase, type Database } from "../support/database"

/** Of `pg`. */
interface Raw {
  query(text: string): Promise<{ rows: Record<string, unknown>[] }>
}

interface Client {
  acquireConnection(): Promise<Raw>
  releaseConnection(raw: Raw): Promise<void>
}

describe("a transaction", () => {
  let database: Database
  let shared: Knex
  /** What went to PostgreSQL, message by message. */
  let sent: string[] = []
  let afterCommit: AfterCommit | undefined

  const reads = (sql: string) =>
    /^select (?:id|count\(\*\)) from thing$|^select pg_backend_pid|from "level"/.test(sql)
  const knowledge = {
    reads,
    known: () => undefined,
    mayJoin: () => true,
    prepared: new PreparedStatements(assert.fail),
  }

  before(async () => {
    database = await createDatabase("pegasus_begins")
    await database.client.query("create table thing (id int primary key)")
    const connection = { connectionString: database.url }
    shared = knex({ client: "pg", connection, pool: { min: 1, max: 1 } })
    const raw = await rawConnection()
    const socket = raw as unknown as { connection: { query(text: string): void } }
    const prototype = Object.getPrototypeOf(socket.connection)
    const { query, parse } = prototype
    prototype.query = function (text: string) {
      sent.push(text)
      return query.call(this, text)
    }
    prototype.parse = function (asked: { text: string }) {
      sent.push(asked.text)
      return parse.call(this, asked)
    }
    assert.ok(foldTransactions(shared as unknown as Connection, knowledge))
    const knexPrototype = Object.getPrototypeOf((shared as unknown as { client: object }).client)
    const { _query: ask } = knexPrototype
    knexPrototype._query = function (connection: unknown, query: { sql: string }) {
      const isCommit = afterCommit && query.sql === "COMMIT;"
      return ask.call(this, connection, isCommit ? { ...query, options: { afterCommit } } : query)
    }
  })
  beforeEach(async () => {
    await database.client.query("truncate thing")
    sent = []
    afterCommit = undefined
  })
  after(async () => {
    await shared?.destroy()
    await database?.drop()
  })

  async function rawConnection(): Promise<Raw> {
    const { client } = shared as unknown as { client: Client }
    const raw = await client.acquireConnection()
    await client.releaseConnection(raw)
    return raw
  }

  const ids = async () =>
    (await database.client.query("select id from thing order by 1")).rows.map(({ id }) => id)
  const heard = () => sent.filter((text) => !/truncate|order by 1/.test(text))

  it("begins with its first statement", async () => {
    const given = await shared.transaction(async (transaction) => {
      assert.deepEqual(heard(), [])
      const first = await transaction.raw("insert into thing values (1) returning id")
      assert.deepEqual(await ids(), [])
      await transaction.raw("insert into thing values (2)")
      return first
    })
    assert.deepEqual([given.command, given.rowCount, given.rows], ["INSERT", 1, [{ id: 1 }]])
    const statements = ["BEGIN\n;\ninsert into thing values (1) returning id", "insert into thing values (2)"]
    assert.deepEqual(heard(), [...statements, "COMMIT;"])
    assert.deepEqual(await ids(), [1, 2])
  })

  const insert = (...ids: number[]) =>
    `insert into "thing" ("id") values ${ids.map((id) => `(${id})`).join(", ")}`

  it("is one message when nothing it asks must be answered", async () => {
    await shared.transaction(async (transaction) => {
      const given = await transaction.raw(insert(1, 2))
      assert.deepEqual([given.command, given.rowCount, given.rows], ["INSERT", 2, []])
      await transaction.raw(insert(3))
      assert.deepEqual(heard(), [])
    })
    assert.deepEqual(heard(), [`BEGIN\n;\n${insert(1, 2)}\n;\n${insert(3)}\n;\nCOMMIT;`])
    assert.deepEqual(await ids(), [1, 2, 3])
    await shared.raw(insert(4))
    assert.deepEqual(heard().slice(1), [insert(4)])
  })

  it("waits for nothing because of what its values say", async () => {
    await database.client.query("create table note (id int, said text)")
    sent = []
    const said = `it''s; "--" returning /* select ( ${"long ".repeat(10_000)}`
    const note = `insert into "note" ("id", "said") values (1, '${said}'), (2, 'b')`
    const timeout = "SET LOCAL lock_timeout = '3s'"
    await shared.transaction(async (transaction) => {
      const given = [await transaction.raw(timeout), await transaction.raw(note)]
      assert.deepEqual(
        given.map(({ command, rowCount }) => [command, rowCount]),
        [
          ["SET", null],
          ["INSERT", 2],
        ],
      )
      assert.deepEqual(heard(), [])
    })
    assert.deepEqual(heard(), [`BEGIN\n;\n${timeout}\n;\n${note}\n;\nCOMMIT;`])
    const { rows } = await database.client.query("select said from note order by id")
    assert.deepEqual(rows, [{ said: said.replace("''", "'") }, { said: "b" }])
    await database.client.query("drop table note")
  })

  it("is committed in one message with what is asked after it", async () => {
    afterCommit = { texts: ["select id from thing order by id", "select 7 as number"] }
    await shared.transaction(async (transaction) => {
      await transaction.raw("insert into thing values (1) returning id")
      await transaction.raw(insert(2))
      await transaction.raw(insert(3))
    })
    assert.equal(heard().at(-1), [insert(2), insert(3), "COMMIT", ...afterCommit.texts].join("\n;\n"))
    const rows = afterCommit.answers?.map(({ rows }) => rows)
    assert.deepEqual(rows, [[{ id: 1 }, { id: 2 }, { id: 3 }], [{ number: 7 }]])
    const folded: AfterCommit = { texts: ["select count(*)::int from thing"] }
    afterCommit = folded
    await shared.transaction((transaction) => transaction.raw(insert(4)))
    assert.equal(heard().at(-1), `BEGIN\n;\n${insert(4)}\n;\nCOMMIT\n;\n${folded.texts[0]}`)
    assert.deepEqual(folded.answers?.[0]?.rows, [{ count: 4 }])
    const none: AfterCommit = { texts: ["select 1"] }
    afterCommit = none
    await shared.transaction(async () => undefined)
    assert.equal(none.answers, undefined)
  })

  it("is committed when what is asked after it fails", async () => {
    for (const [n, failing] of ["select 1 / 0", "select nothing", "select '{'::text::jsonb"].entries()) {
      afterCommit = { texts: ["select 1", failing, "select 2"] }
      const isKnown = n === 0
      await shared.transaction(async (transaction) => {
        await transaction.raw(isKnown ? insert(n) : `insert into thing values (${n}) returning id`)
      })
      assert.equal(afterCommit.answers, undefined)
      assert.deepEqual((await ids()).at(-1), n)
    }
    afterCommit = undefined
    assert.deepEqual((await shared("thing").count("*"))[0], { count: "3" })
  })

  it("fails as ever when it cannot be committed, whatever is asked after it", async () => {
    await database.client.query(
      "create table late (id int, constraint once unique (id) deferrable initially deferred); insert into late values (1)",
    )
    const cases = [insert(1, 1), "insert into late values (1)", `insert into "late" ("id") values (1)`]
    for (const statement of cases) {
      afterCommit = { texts: ["select 1"] }
      await assert.rejects(
        shared.transaction((transaction) => transaction.raw(statement)),
        { code: "23505" },
      )
      assert.equal(afterCommit.answers, undefined)
    }
    afterCommit = undefined
    assert.deepEqual(await ids(), [])
    await shared.transaction((transaction) => transaction.raw(insert(5)))
    assert.deepEqual(await ids(), [5])
    await database.client.query("drop table late")
  })

  it("waits for no update of which nobody asks how many rows it changed", async () => {
    assert.ok(tellFlushes())
    const meta = { concurrencyCheckKeys: { size: 0 } }
    let isInTransaction = true
    const __helper = { __em: { isInTransaction: () => isInTransaction } }
    const entity = { version: 1, __helper }
    const changeSet = { name: "Thing", payload: {}, getPrimaryKey: () => ({}), entity }
    /** @param told of the entity @returns what the update gives, and what was sent until then */
    const updating = async (told: object, sql = `update "thing" set "id" = 5 where "id" = 1`) => {
      await database.client.query("truncate thing; insert into thing values (1)")
      sent = []
      let seen: unknown[] = []
      await shared.transaction(async (transaction) => {
        const asMikroOrm = {
          prepareOptions: (_meta: unknown, options: unknown) => options,
          checkConcurrencyKeys: () => undefined,
          driver: { nativeUpdate: () => transaction.raw(sql).then((answer) => answer) },
          platform: { quoteVersionValue: () => 1 },
        }
        const update = ChangeSetPersister.prototype as unknown as {
          updateEntity(this: unknown, ...given: unknown[]): Promise<{ command: string; rowCount: number }>
        }
        const given = await update.updateEntity.call(asMikroOrm, { ...meta, ...told }, changeSet, {})
        seen = [given.command, given.rowCount, heard().length]
        if (told === meta) await transaction.raw("select 1")
      })
      return [...seen, await ids()]
    }
    assert.deepEqual(await updating({}), ["UPDATE", 1, 0, [5]])
    assert.deepEqual(await updating(meta), ["UPDATE", 1, 0, [5]], "and is read")
    assert.deepEqual(await updating({ versionProperty: "version", properties: {} }), ["UPDATE", 1, 1, [5]])
    assert.deepEqual(await updating({ concurrencyCheckKeys: { size: 1 } }), ["UPDATE", 1, 1, [5]])
    const returning = `update "thing" set "id" = 5 where "id" = 1 returning id`
    assert.deepEqual(await updating({}, returning), ["UPDATE", 1, 1, [5]])
    await assert.rejects(updating({}, `update "thing" set "id" = null where "id" = 1`), { code: "23502" })
    assert.deepEqual(await ids(), [1])
    isInTransaction = false
    assert.deepEqual(await updating({}), ["UPDATE", 1, 1, [5]], "who flushes alone may try again")
    await shared.transaction(async (transaction) => {
      const { rowCount } = await transaction.raw(`update "thing" set "id" = 6 where "id" = 7`)
      assert.equal(rowCount, 0, "others are told")
    })
  })

  it("writes to different tables in one statement", async () => {
    await database.client.query(
      `create table owner (id int primary key);
       create table owned (id int primary key, owner_id int not null references owner, number serial)`,
    )
    const owner = (id: number) => `insert into "owner" ("id") values (${id})`
    const owned = (id: number, of: number) => `insert into "owned" ("id", "owner_id") values (${id}, ${of})`
    sent = []
    await shared.transaction(async (transaction) => {
      await transaction.raw(owner(1))
      const { rows, rowCount } = await transaction.raw(`${owned(1, 1)} returning "number"`)
      assert.deepEqual([rows, rowCount], [[{ number: 1 }], 1])
      await transaction.raw(owned(2, 3))
      await transaction.raw(owner(3))
    })
    assert.deepEqual(heard(), [
      `BEGIN\n;\nwith "write 1" as (${owner(1)})\n${owned(1, 1)} returning "number"`,
      `with "write 1" as (${owned(2, 3)})\n${owner(3)}\n;\nCOMMIT;`,
    ])
    for (const [code, acts] of [
      ["23503", [owner(4), owned(4, 5)]],
      ["23505", [owner(1), owned(4, 1)]],
      ["23503", [owner(4), `${owned(4, 5)} returning "number"`]],
    ] as const) {
      const failing = shared.transaction(async (transaction) => {
        for (const act of acts) await transaction.raw(act)
      })
      await assert.rejects(failing, { code })
    }
    const { rows } = await database.client.query(
      "select (select count(*) from owner), count(*) as all from owned",
    )
    assert.deepEqual(rows, [{ count: "2", all: "2" }])
    await database.client.query("drop table owned; drop table owner")
  })

  it("is not taken for committed when somebody else heard what was refused", async () => {
    for (const before of ["select 1", insert(2)]) {
      const failing = shared.transaction(async (transaction) => {
        await transaction.raw(before)
        await transaction.raw(insert(1, 1))
        await transaction.raw("select 1").catch(() => undefined)
      })
      await assert.rejects(failing, { code: "23505" })
    }
    const nested = shared.transaction(async (transaction) => {
      await transaction.raw(insert(1, 1))
      await transaction.transaction((inner) => inner.raw("select 1")).catch(() => undefined)
    })
    await assert.rejects(nested, { code: "23505" })
    await shared.transaction(async (transaction) => {
      const undone = transaction.transaction(async (inner) => {
        await inner.raw("select 1")
        await inner.raw(insert(1, 1))
      })
      await assert.rejects(undone, { code: "23505" })
      await transaction.raw(insert(3))
    })
    assert.deepEqual(await ids(), [3])
  })

  it("does not read again the row that it has just read", async (t) => {
    // It stands for some milliseconds: here they pass only when the test says so.
    mock.timers.enable({ apis: ["Date"], now: Date.now() })
    t.after(() => mock.timers.reset())
    await database.client.query(`
      create table level (id text primary key, place text, amount int, notes jsonb, deleted_at timestamptz);
      insert into level values ('a', 'p', 1, '{"of": "a"}', null), ('b', 'q', 2, null, null)`)
    const start = `select "l0".* from "level" as "l0" where "l0"."deleted_at" is null and`
    const byPlace = `${start} (1 = 0 or "l0"."place" = 'p') order by "l0"."id" asc`
    const byId = (id: string) => `${start} "l0"."id" = '${id}' order by "l0"."id" asc`
    const reading = async (between: (transaction: Knex) => Promise<unknown>, id = "a") => {
      sent = []
      let rows: unknown[] = []
      await shared.transaction(async (transaction) => {
        const first = await transaction.raw(byPlace)
        first.rows[0].notes.of = first.rows[0].amount = "changed"
        await between(transaction)
        rows = (await transaction.raw(byId(id))).rows
        await transaction.raw("select 1")
      })
      return { rows, isAsked: heard().some((text) => text.includes(byId(id))) }
    }
    const level = { id: "a", place: "p", amount: 1, notes: { of: "a" }, deleted_at: null }
    const held = [
      async () => undefined,
      (transaction: Knex) => transaction.raw("SET LOCAL lock_timeout = '3s'"),
      (transaction: Knex) => transaction.raw(insert(1)),
    ]
    for (const between of held) assert.deepEqual(await reading(between), { rows: [level], isAsked: false })
    const asked = [
      (transaction: Knex) => transaction.raw("select 1"),
      (transaction: Knex) => transaction.raw(`update "level" set "amount" = 3 where "id" = 'b'`),
      (transaction: Knex) => transaction.raw(`insert into "level" ("id") values ('c')`),
      async () => mock.timers.tick(60),
    ]
    for (const between of asked) assert.equal((await reading(between)).isAsked, true)
    assert.equal((await reading(async () => undefined, "b")).isAsked, true, "that was not given")
    await shared.transaction(async (transaction) => void (await transaction.raw(byPlace)))
    await shared.transaction(async (transaction) => void (await transaction.raw(byId("a"))))
    assert.ok(
      heard().some((text) => text.includes(byId("a"))),
      "in another transaction",
    )
    await database.client.query("drop table level")
  })

  it("is asked as pg lets it be asked", async () => {
    const rows = await shared.transaction(async (transaction) => {
      await transaction.raw(insert(1))
      const { client } = transaction as unknown as { client: Client }
      const raw = (await client.acquireConnection()) as unknown as {
        query(text: string, answered: (error: unknown, result: { rows: unknown[] }) => void): void
      }
      return new Promise<unknown>((resolve, reject) =>
        raw.query("select id from thing", (error, result) => (error ? reject(error) : resolve(result.rows))),
      )
    })
    assert.deepEqual(rows, [{ id: 1 }])
  })

  it("reads what it has written", async () => {
    await shared.transaction(async (transaction) => {
      await transaction.raw(insert(1))
      const { rows } = await transaction.raw("select id from thing")
      assert.deepEqual(rows, [{ id: 1 }])
      await transaction.raw(insert(2))
      assert.deepEqual((await transaction("thing").where({ id: 2 })).length, 1)
      await transaction.raw(insert(3))
    })
    assert.equal(heard().at(-1), `${insert(3)}\n;\nCOMMIT;`)
    assert.deepEqual(await ids(), [1, 2, 3])
  })

  it("waits for what an insert gives that cannot be known", async () => {
    const others = [
      `${insert(1)} returning id`,
      `${insert(1)} on conflict do nothing`,
      `insert into "thing" ("id") select 2`,
      `insert into thing values (3)`,
      `${insert(4)}; select 1`,
      `insert into "thing" ("id") values ((4 + 1)`.concat(")"),
      `insert into "thing" ("id") values (6) -- (`,
      `insert into "thing" ("id") values (8) -- a note`,
      `insert into "thing" ("id") values (9) /* a note */`,
    ]
    await shared.transaction(async (transaction) => {
      await transaction.raw("select 1")
      for (const [i, other] of others.entries()) {
        await transaction.raw(other)
        if (i !== 5) assert.ok(heard().at(-1)!.includes(other))
      }
      await transaction("thing").insert({ id: 7 })
    })
    assert.deepEqual(await ids(), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it("fails with the error of the insert that was refused, whatever comes next", async () => {
    await database.client.query("insert into thing values (1)")
    const refused = (error: { code?: string; detail?: string; table?: string }) => {
      assert.deepEqual(
        [error.code, error.detail, error.table],
        ["23505", "Key (id)=(1) already exists.", "thing"],
      )
      return true
    }
    const next: ((transaction: Knex) => Promise<unknown>)[] = [
      async () => undefined,
      () => new Promise((resolve) => setTimeout(resolve, 20)),
      (transaction) => transaction.transaction(async (inner) => inner.raw("select 1")),
      (transaction) => transaction.raw(insert(2)),
      (transaction) => transaction.raw("select 1"),
      (transaction) => transaction("thing").where({ id: 1 }),
    ]
    for (const act of next) {
      for (const before of [[], ["select 1"]]) {
        const failed = shared.transaction(async (transaction) => {
          for (const statement of before) await transaction.raw(statement)
          await transaction.raw(insert(1))
          await act(transaction)
        })
        await assert.rejects(failed, refused)
        assert.deepEqual(
          (await shared.raw("select id from thing")).rows,
          [{ id: 1 }],
          "and lets go of the rest",
        )
      }
    }
  })

  it("that cannot be read as a whole leaves nothing begun", async () => {
    const failed = shared.transaction(async (transaction) => {
      await transaction.raw(`insert into "thing" ("id") values (1 +)`)
    })
    await assert.rejects(failed, { code: "42601" })
    await shared.raw(insert(2))
    assert.deepEqual(await ids(), [2])
  })

  it("undoes what was held back, as a whole or from a savepoint on", async () => {
    await database.client.query("insert into thing values (1)")
    const failed = shared.transaction(async (transaction) => {
      await transaction.raw(insert(2))
      throw new Error("undone")
    })
    await assert.rejects(failed, /undone/)
    await shared.transaction(async (outer) => {
      await outer.raw(insert(3))
      for (const id of [4, 1]) {
        const thrown = outer.transaction(async (inner) => {
          await inner.raw(insert(id))
          throw new Error("undone")
        })
        await assert.rejects(thrown, /undone/)
      }
      for (const wait of [0, 20]) {
        const refused = outer.transaction(async (inner) => {
          await inner.raw(insert(1))
          await new Promise((resolve) => (wait ? setTimeout(resolve, wait) : resolve(0)))
        })
        await assert.rejects(refused, { code: "23505" })
      }
      await outer.transaction(async (inner) => inner.raw(insert(5)))
      await outer.raw(insert(6))
    })
    assert.deepEqual(await ids(), [1, 3, 5, 6])
  })

  it("of which nothing is asked is none", async () => {
    await shared.transaction(async () => undefined)
    await assert.rejects(
      shared.transaction(async () => {
        throw new Error("not now")
      }),
      /not now/,
    )
    assert.deepEqual(heard(), [])
    await shared.raw("insert into thing values (1)")
    assert.deepEqual(await ids(), [1])
  })

  it("begins before what cannot go in one message with it", async () => {
    await shared.transaction(async (transaction) => {
      await transaction("thing").insert({ id: 1 })
      assert.deepEqual(await ids(), [])
    })
    await shared.transaction(async (transaction) => {
      const asArrays = transaction
        .raw("insert into thing values (2) returning id")
        .options({ rowMode: "array" })
      assert.deepEqual((await asArrays).rows, [[2]])
      assert.deepEqual(await ids(), [1])
    })
    await shared.transaction(async (transaction) => {
      const raw = (await transaction.client.acquireConnection()) as Raw
      await raw.query("insert into thing values (3)")
      assert.deepEqual(await ids(), [1, 2])
    })
    assert.equal(heard().filter((text) => text === "BEGIN").length, 3)
    assert.deepEqual(await ids(), [1, 2, 3])
  })

  it("gives what several statements in one give", async () => {
    await shared.transaction(async (transaction) => {
      const answers = await transaction.raw("insert into thing values (1); select id from thing")
      assert.deepEqual(
        answers.map(({ rows }: { rows: unknown[] }) => rows),
        [[], [{ id: 1 }]],
      )
    })
    assert.deepEqual(await ids(), [1])
  })

  it("ends as ever: undone as a whole, in parts, at a level of isolation", async () => {
    const failed = shared.transaction(async (transaction) => {
      await transaction.raw("insert into thing values (1)")
      await transaction.raw("insert into thing values (1)")
    })
    await assert.rejects(failed, /duplicate/)
    await shared.transaction(async (outer) => {
      const inner = outer.transaction(async (within) => {
        await within.raw("insert into thing values (2)")
        throw new Error("undone")
      })
      await assert.rejects(inner, /undone/)
      await outer.raw("insert into thing values (3)")
    })
    await shared.transaction(async (transaction) => transaction.raw("insert into thing values (4)"), {
      isolationLevel: "serializable",
    })
    assert.deepEqual(await ids(), [3, 4])
  })

  for (const [kind, statement] of [
    ["fails", "insert into thing values (1), (1)"],
    ["cannot be read", "insert into thing valued (1)"],
  ] as const) {
    it(`is broken by a first statement that ${kind}, as ever`, async () => {
      await shared.transaction(async (transaction) => {
        await assert.rejects(transaction.raw(statement), /duplicate|syntax/)
        await assert.rejects(transaction.raw("insert into thing values (2)"), { code: "25P02" })
      })
      assert.deepEqual(await ids(), [])
      await shared.raw("insert into thing values (3)")
      assert.deepEqual(await ids(), [3])
    })
  }

  it("that cannot begin lets nothing in that was asked at once", async () => {
    const failed = shared.transaction(async (transaction) => {
      const all = [
        transaction.raw("insert into thing valued (1)"),
        transaction.raw("insert into thing values (2)"),
        transaction("thing").insert({ id: 3 }),
        transaction.raw(insert(4)),
      ].map((one) => one.then(() => "done").catch(({ code }) => code))
      assert.deepEqual(await Promise.all(all), ["42601", "25P02", "25P02", "25P02"])
      await assert.rejects(transaction.raw(insert(5)), { code: "25P02" })
    })
    await failed
    assert.deepEqual(await ids(), [])
    await shared.transaction(async (transaction) => {
      await Promise.all([
        transaction("thing").insert({ id: 1 }),
        transaction.raw(insert(2)),
        transaction.raw("insert into thing values (3)"),
        transaction("thing").insert({ id: 4 }),
      ])
    })
    assert.deepEqual(await ids(), [1, 2, 3, 4])
  })

  it("ends before the next who has its connection asks anything", async () => {
    await database.client.query("begin; lock table thing")
    const waiting = knex({
      client: "pg",
      connection: { connectionString: database.url },
      pool: { min: 1, max: 1 },
    })
    assert.ok(foldTransactions(waiting as unknown as Connection, knowledge))
    const transaction = await waiting.transaction()
    const locked = transaction.raw("lock table thing").then(() => "locked")
    await database.client.query("select pg_sleep(0.1)")
    const undone = transaction.rollback(new Error("given up"))
    // As knex does after five seconds.
    const { client } = waiting as unknown as { client: Client }
    await client.releaseConnection(
      (await (transaction as unknown as { client: Client }).client.acquireConnection()) as Raw,
    )
    const next = waiting.raw("insert into thing values (1)")
    await database.client.query("commit")
    await Promise.allSettled([locked, undone, transaction.executionPromise, next])
    assert.deepEqual(await ids(), [1])
    await waiting.destroy()
  })

  it("holds what it has inserted while it does something else", async () => {
    await shared.transaction(async (transaction) => {
      await transaction.raw(insert(1))
      while (heard().length < 2) await new Promise(setImmediate)
      await database.client.query("select pg_sleep(0.05)")
      await database.client.query("set lock_timeout = 100")
      await assert.rejects(database.client.query("insert into thing values (1)"), { code: "55P03" })
      await database.client.query("set lock_timeout = 0")
      await transaction.raw(insert(2))
    })
    assert.deepEqual(heard().slice(0, 2), ["BEGIN", insert(1)])
    assert.equal(heard().at(-1), `${insert(2)}\n;\nCOMMIT;`)
  })

  it("that was let go before it asked anything begins for nobody else", async () => {
    const { client } = shared as unknown as { client: Client }
    const raw = await client.acquireConnection()
    await Object.create(client)._query(raw, { sql: "BEGIN;" })
    await client.releaseConnection(raw)
    await shared.raw("insert into thing values (1)")
    assert.deepEqual(heard(), ["insert into thing values (1)"])
    assert.deepEqual(await ids(), [1])
  })

  it("is not refused because of what was set in it", async () => {
    await database.client.query("insert into thing values (1)")
    await shared.transaction(async (transaction) => {
      await transaction.raw("SET LOCAL lock_timeout = '3s'")
      await assert.rejects(transaction.raw("select 1 / 0"), { code: "22012" })
      await assert.rejects(transaction.raw("select 1"), { code: "25P02" })
    })
  })

  it("that has only read ends at once, and keeps its connection until that is heard", async () => {
    const { pool } = (shared as unknown as { client: { pool: { numUsed(): number } } }).client
    /** @returns how many connections are held when it has ended */
    const after = async (...statements: string[]) => {
      await shared.transaction(async (transaction) => {
        for (const statement of statements) await transaction.raw(statement)
      })
      return pool.numUsed()
    }
    assert.equal(await after("select id from thing", "select count(*) from thing"), 1)
    assert.deepEqual(heard().slice(0, 3), [
      "BEGIN\n;\nselect id from thing",
      "select count(*) from thing",
      "COMMIT;",
    ])
    const next = await shared.raw("select transaction_timestamp() = statement_timestamp() as is_own")
    assert.deepEqual([next.rows, pool.numUsed()], [[{ is_own: true }], 0])
    const others = [
      "select id from thing for update",
      "select pg_advisory_xact_lock(1)",
      "insert into thing values (1)",
    ]
    for (const other of others) assert.equal(await after("select id from thing", other), 0, other)
    assert.equal(await after(insert(2), "select id from thing"), 0)
    assert.deepEqual(await ids(), [1, 2])
  })

  it("that has only read lets its connection go when it is lost", async () => {
    await shared.transaction(async (transaction) => {
      const { rows } = await transaction.raw("select pg_backend_pid() as pid")
      await transaction.raw("select id from thing")
      await database.client.query("select pg_terminate_backend($1)", [rows[0].pid])
    })
    assert.deepEqual((await shared.raw("select 1 as one")).rows, [{ one: 1 }])
  })

  it("is left alone where knex is not as expected", () => {
    assert.equal(foldTransactions({ client: {} } as never, knowledge), false)
  })
})
