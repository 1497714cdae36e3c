/** Statements that are prepared on the connections that ask them, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, afterEach, before, beforeEach, describe, it } from "node:test"
import knex, { type Knex } from "knex"
import { foldTransactions } from "../../src/medusa/folded-transactions"
import type { Database as Connection } from "../../src/medusa/freshness"
import { PreparedStatements } from "../../src/medusa/prepared-statements"
import { spareRepeats } from "../../src/medusa/repeated-statements"
import { makeAtOnce } from "../../src/medusa/single-writes"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"

/** Of `pg`. */
interface Raw {
  query(...given: unknown[]): unknown
}

const schema = `
create table cart (id text primary key, note text, made timestamptz default '2026-11-29 10:00:00.123+01', price numeric default 10.50,
  data jsonb default '{"a":[1]}', "a'b" int default 7);
create table cart_item (id text primary key, cart_id text);
create table cart_link (cart_id text, made int default 7);
`

describe("prepared statements", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let prepared: PreparedStatements
  let warnings: string[]
  /** What knex's clients are made of is one for all of them. */
  let leaveAlone: () => void
  /** What was asked of PostgreSQL, message by message. */
  let sent: string[]

  before(async () => {
    database = await createDatabase("pegasus_prepared")
    await database.client.query(schema)
  })
  beforeEach(async () => {
    await database.client.query("truncate cart, cart_item, cart_link")
    await database.client.query(
      "insert into cart (id, note) values ('a', 'A'), ('b', 'it''s B'), ('c', null)",
    )
    shared = knex({
      client: "pg",
      connection: { connectionString: database.url },
      // The one that is asked is always the same.
      pool: {
        min: 1,
        max: 1,
        afterCreate: (raw: Raw, done: (error: unknown, raw: Raw) => void) => {
          const { query } = raw
          Object.getPrototypeOf(raw).query = function (...given: unknown[]) {
            const text = typeof given[0] === "string" ? given[0] : (given[0] as { text?: string }).text
            if (this === raw && text !== undefined) sent.push(text)
            return query.apply(this, given as [])
          }
          done(null, raw)
        },
      },
    })
    const { client } = shared as unknown as { client: object }
    const prototype = Object.getPrototypeOf(client)
    const { _query } = prototype
    leaveAlone = () => {
      prototype._query = _query
      delete prototype.releaseConnection
    }
    warnings = []
    sent = []
    prepared = new PreparedStatements((message) => warnings.push(message))
    told = await toldCache(shared)
    const { freshness } = told
    const [reads, known] = [(sql: string) => freshness.reads(sql), () => undefined]
    const locking = { acquire: async () => undefined, execute: async () => undefined }
    assert.ok(prepared.take(shared as unknown as Connection))
    assert.ok(
      foldTransactions(shared as unknown as Connection, { reads, known, mayJoin: () => true, prepared }),
    )
    assert.ok(spareRepeats(shared as unknown as Connection, locking, freshness, prepared))
  })
  afterEach(async () => {
    await told?.close()
    await shared?.destroy()
    leaveAlone()
  })
  after(() => database?.drop())

  const request = <T>(run: () => Promise<T>) => told.freshness.request(true, run)
  const rowsOf = async (sql: string) => (await shared.raw(sql)).rows
  /** Without what is prepared, and what is prepared no more. */
  const asked = () => sent.filter((text) => !/^(?:prepare|deallocate)/.test(text))
  /** What one request asks: rows, and whether by name. */
  async function asks(sql: string) {
    sent = []
    const rows = await request(() => rowsOf(sql))
    const texts = asked()
    return { rows, isByName: texts.join().startsWith("execute"), texts, messages: sent.length }
  }
  async function asksOften(sqls: string[]) {
    const answers = []
    for (const sql of sqls) answers.push(await asks(sql))
    return answers
  }
  const cart = (...ids: string[]) =>
    `select "c".* from "cart" as "c" where "c"."id" in (${ids.map((id) => `'${id}'`).join(", ")}) order by "c"."id"`
  const often = (sql: string) => asksOften([sql, sql, sql, sql])
  const preparedThere = async () => (await rowsOf("select name from pg_prepared_statements")).length

  it("give what asking for them whole gives", async () => {
    const all = ["a", "b", "no", "it''s"].map((id) => cart(id, "c"))
    const answers = await asksOften([...all, ...all, ...all])
    assert.deepEqual(
      answers.map(({ isByName }) => isByName),
      answers.map((_, index) => index > 2),
      "by name from the fourth on",
    )
    for (const [index, { rows }] of answers.entries()) {
      const { rows: whole } = await database.client.query(all[index % 4]!)
      assert.deepEqual(rows, whole)
    }
    assert.match(answers.at(-1)!.texts[0]!, /^execute "pegasus \w{40}"\('c', 'it''s'\)$/)
    assert.equal((await asks(cart("a"))).isByName, false, "one with fewer values is another")
  })

  it("have names that are made of what they ask", async () => {
    const [first, , , last] = await often(cart("a"))
    const [whole] = first!.texts
    const [, , , other] = await often(cart("a").replace(`"c".*`, `"c"."note"`))
    assert.notEqual(other!.texts[0], last!.texts[0])
    // Prepared by another store, behind a pooler.
    const elsewhere = new PreparedStatements(assert.fail)
    assert.ok(elsewhere.take(shared as unknown as Connection))
    const { client } = shared as unknown as {
      client: { acquireConnection(): Promise<Raw>; releaseConnection(raw: Raw): Promise<void> }
    }
    const worded: string[] = []
    for (let time = 0; time < 4; time++) {
      const raw = await client.acquireConnection()
      worded.push(elsewhere.worded(raw, whole!))
      await client.releaseConnection(raw)
    }
    assert.deepEqual(worded, [whole, whole, whole, last!.texts[0]])
  })

  for (const [what, sql] of Object.entries({
    "is cut off": `select "c"."id" from "cart" as "c" where "c"."note" = 'A' limit 1`,
    "hides its texts": `select "c"."id" from "cart" as "c" where "c"."note" = E'A'`,
    "has a strange name": `select "c"."a'b" from "cart" as "c" where "c"."note" = 'A' and "c"."a'b" = 7`,
    "has a comment": `select "c"."id" /* it's */ from "cart" as "c" where "c"."note" = 'A'`,
    "takes no parameter": `select "c"."id" from "cart" as "c" where "c"."note" = 'A' and "c"."made" > date '2026-01-01'`,
  }))
    it(`are none of what ${what}`, async () => {
      let tries = 0
      for (let time = 0; time < 6; time++) {
        const { rows, isByName } = await asks(sql)
        assert.deepEqual(rows, [sql.includes(`"a'b"`) ? { "a'b": 7 } : { id: "a" }])
        assert.equal(isByName, false)
        tries += sent.filter((text) => text.startsWith("prepare")).length
      }
      assert.equal(tries, what === "takes no parameter" ? 1 : 0, "PostgreSQL alone knows")
    })

  it("are asked whole when a table has other columns now", async () => {
    await often(cart("a"))
    await database.client.query("alter table cart add column extra int default 5")
    try {
      const { rows, texts } = await asks(cart("a"))
      assert.equal(rows[0].extra, 5)
      assert.equal(texts.length, 2, "once by name, once whole")
      const after = await asksOften([cart("a"), cart("b")])
      assert.deepEqual(
        after.map(({ rows: [row], isByName }) => [row.extra, isByName]),
        [
          [5, false],
          [5, true],
        ],
      )
      assert.deepEqual(warnings, [])
      await asks(cart("b"))
      assert.equal(sent.length, 1, "what was given up was given up once")
    } finally {
      await database.client.query("alter table cart drop column extra")
    }
  })

  it("are none any more when they are not there any more", async () => {
    await often(cart("a"))
    await shared.raw("discard all")
    const answers = await asksOften([cart("a"), cart("b"), cart("a"), cart("b"), cart("a")])
    assert.deepEqual(
      answers.map(({ rows, texts }) => [rows[0].id, texts.length]),
      [
        ["a", 2],
        ["b", 1],
        ["a", 1],
        ["b", 1],
        ["a", 1],
      ],
    )
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /pooler/)
    assert.deepEqual(
      answers.map(({ messages }) => messages),
      [2, 1, 1, 1, 1],
      "and nothing is prepared, or given up, any more",
    )
    const byName = `execute "pegasus ${"0".repeat(40)}"`
    assert.ok(prepared.isLost({ code: "26000" }, {}, [byName]), "one that was under way is asked whole, too")
    assert.equal(warnings.length, 1)
  })

  it("are none any more on any connection", async () => {
    await often(cart("a"))
    assert.ok(prepared.isLost({ code: "26000" }, {}, [`execute "pegasus ${"0".repeat(40)}"`]))
    assert.equal((await asks(cart("a"))).isByName, false)
  })

  it("refuse as asking for them whole does", async () => {
    const made = (value: string) => `select "c"."id" from "cart" as "c" where "c"."made" > '${value}'`
    await often(made("2026-01-01"))
    await assert.rejects(asks(made("no date")), { code: "22007" })
    assert.equal((await asks(made("2026-01-01"))).isByName, true)
    await assert.rejects(asks("select * from other.public.cart where id = 'a'"), { code: "0A000" })
    assert.equal(asked().length, 1, "and only what was asked by name is asked again")
  })

  describe("of a transaction", () => {
    const item = (id: string) => `insert into "cart_item" ("id", "cart_id") values ('${id}', 'a')`
    const itemsOf = (id: string) => `select "i"."id" from "cart_item" as "i" where "i"."id" = '${id}'`
    const changeTable = () => database.client.query("alter table cart_item alter column id type varchar(100)")
    afterEach(() => database.client.query("alter table cart_item alter column id type text"))
    /** What it does. @returns the messages */
    async function within(run: (ask: (sql: string) => Promise<unknown[]>) => Promise<unknown>) {
      sent = []
      await request(() => shared.transaction((trx) => run(async (sql) => (await trx.raw(sql)).rows)))
      const words = /^(?:BEGIN|COMMIT)|insert|execute|select|ROLLBACK/g
      return asked().map((text) => text.match(words)?.join(" ") ?? text)
    }

    it("are what it begins with", async () => {
      const inTransaction = (id: string) =>
        within(async (ask) => {
          await ask(item(id))
          assert.deepEqual(await ask(itemsOf(id)), [{ id }])
          assert.equal((await ask(cart("a"))).length, 1)
          await ask(item(`${id} more`))
          assert.equal((await ask(itemsOf(`${id} more`))).length, 1)
        })
      await often(cart("a"))
      for (const id of ["1", "2", "3"]) await inTransaction(id)
      const others = ["select", "insert select", "COMMIT"]
      assert.deepEqual(
        await inTransaction("4"),
        ["BEGIN insert execute", ...others],
        "what follows is asked whole",
      )
      await changeTable()
      const anew = ["BEGIN insert execute", "ROLLBACK", "BEGIN insert select"]
      assert.deepEqual(await inTransaction("5"), [...anew, ...others])
      assert.equal((await database.client.query("select from cart_item")).rowCount, 10)
    })

    it("begin it anew before what else is asked at once", async () => {
      const inTransaction = (id: string) =>
        within(async (ask) => {
          const both = await Promise.all([ask(itemsOf(id)), ask(cart("a"))])
          assert.deepEqual(
            both.map((rows) => rows.length),
            [0, 1],
          )
        })
      for (const id of ["1", "2", "3"]) await inTransaction(id)
      assert.deepEqual((await inTransaction("4"))[0], "BEGIN execute")
      await changeTable()
      assert.deepEqual((await inTransaction("5")).slice(0, 3), ["BEGIN execute", "ROLLBACK", "BEGIN select"])
    })

    it("are nothing that writes", async () => {
      for (const id of ["1", "2", "3", "4"]) {
        const messages = await within((ask) => ask(`${item(id)} returning "id"`))
        assert.deepEqual(messages, ["BEGIN insert", "COMMIT"])
      }
      assert.equal(await preparedThere(), 0)
    })
  })

  describe("after a commit", () => {
    const id = (last: string) => `item_${"0".repeat(25)}${last}`
    const item = (last: string) => `insert into "cart_item" ("id", "cart_id") values ('${id(last)}', 'a')`
    const service = {
      create: (last: string) => shared.transaction((trx) => trx.raw(`${item(last)} returning "id"`)),
    }
    makeAtOnce(service as never)
    const ways: Record<string, (last: string) => Promise<unknown>> = {
      "in its message": (last) => shared.transaction((trx) => trx.raw(item(last))),
      "in the message of all that is done": service.create,
    }
    for (const [way, make] of Object.entries(ways))
      it(`do not undo it, ${way}`, async () => {
        const made = async (last: string) => {
          sent = []
          await told.freshness.request(
            true,
            async (of) => {
              await make(last)
              const sql = `select "i".* from "cart_item" as "i" where "i"."id" = '${id(last)}'`
              assert.deepEqual(await rowsOf(sql), [{ id: id(last), cart_id: "a" }])
              told.freshness.answeredTo(of, { kind: way })
            },
            { kind: way, given: `"${id(last)}"` },
          )
          return asked()
        }
        for (let time = 0; time < 8; time++) await made(String(time))
        const [message, ...others] = await made("X")
        assert.match(message!, /COMMIT\n;\nexecute/)
        assert.deepEqual(others, [])
        await shared.raw("discard all")
        assert.equal((await made("Y")).length, 2, "then it is asked for alone")
        assert.equal(warnings.length, 1)
        assert.match((await made("Z")).join(), /COMMIT\n;\nselect/)
      })
  })

  it("are at most so many on a connection, and only what was long not asked makes room for others", async () => {
    const column = (n: number) => `select "c"."id" as "x${n}" from "cart" as "c" where "c"."id" = 'a'`
    const isByName = async (sql: string) => (await asks(sql)).isByName
    await often(cart("b"))
    for (let n = 0; n < 130; n++) {
      await often(column(n))
      assert.equal(await isByName(cart("b")), true)
    }
    const areThere = async () => [
      await isByName(column(0)),
      await isByName(column(98)),
      await isByName(column(99)),
    ]
    assert.deepEqual(await areThere(), [true, true, false])
    assert.equal(await preparedThere(), 100)
    for (let n = 0; n < 1_000; n++) await asks(cart("b"))
    await often(column(99))
    assert.deepEqual(await areThere(), [true, true, true])
    assert.equal(await isByName(column(1)), false)
    assert.equal(await preparedThere(), 100)
    await often(column(100))
    assert.equal(await isByName(column(100)), true, "another that was long not asked")
  })

  it("leave alone a client that is not as expected", () => {
    assert.equal(new PreparedStatements(assert.fail).take({ client: {} } as never), false)
  })
})
