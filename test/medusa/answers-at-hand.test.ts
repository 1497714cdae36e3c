/** Statements whose answer a request has at hand, as MikroORM asks them, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { AbstractSqlConnection, MikroORM } from "@medusajs/framework/mikro-orm/postgresql"
import { model, toMikroOrmEntities } from "@medusajs/framework/utils"
import knex, { type Knex } from "knex"
import { answerAtHand } from "../../src/medusa/answers-at-hand"
import type { About, Database as Connection, Outset } from "../../src/medusa/freshness"
import { PreparedStatements } from "../../src/medusa/prepared-statements"
import { spareRepeats } from "../../src/medusa/repeated-statements"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"
import { until } from "../support/until"

const Cart = model.define("cart", { id: model.id().primaryKey(), note: model.text() })

describe("a statement whose answer is at hand", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let orm: MikroORM
  /** Connections that were taken. */
  let taken = 0
  let carts = 0
  const { execute } = AbstractSqlConnection.prototype
  const sql = "select id, note from cart order by id"

  before(async () => {
    database = await createDatabase("pegasus_at_hand")
    await database.client.query(
      "create table cart (id text primary key, note text); create table product (note text); create table region (note text)",
    )
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
    told = await toldCache(shared)
    const locking = {
      acquire: async () => undefined,
      execute: async (_: unknown, job: () => unknown) => job(),
    }
    const prepared = new PreparedStatements(assert.fail)
    assert.ok(spareRepeats(shared as unknown as Connection, locking, told.freshness, prepared))
    const { client } = shared as unknown as { client: { acquireConnection(): Promise<object> } }
    const { acquireConnection } = client
    client.acquireConnection = () => {
      taken++
      return acquireConnection.call(client)
    }
    orm = await MikroORM.init({
      entities: toMikroOrmEntities([Cart]) as never,
      clientUrl: database.url,
      driverOptions: shared,
    })
    assert.ok(answerAtHand(shared as unknown as Connection, told.freshness))
  })
  after(async () => {
    AbstractSqlConnection.prototype.execute = execute
    await orm?.close(true)
    await told?.close()
    await shared?.destroy()
    await database?.drop()
  })
  beforeEach(async () => {
    await database.client.query("truncate cart; insert into cart values ('a', 'A')")
    taken = 0
  })

  const request = <T>(run: () => Promise<T>) => told.freshness.request(true, run)
  const ask = (text = sql, transaction?: Knex.Transaction): Promise<{ id: string; note: string }[]> =>
    orm.em.getConnection().execute(text, [], "all", transaction)
  const ids = async (transaction?: Knex.Transaction) => (await ask(sql, transaction)).map(({ id }) => id)

  it("takes no connection, and each has rows of his own", async () => {
    await request(async () => {
      for (let time = 0; time < 3; time++) {
        const [row] = await ask()
        assert.deepEqual(row, { id: "a", note: "A" })
        row!.note = "changed"
      }
    })
    assert.equal(taken, 1)
  })

  it("is asked anew once the request has written", async () => {
    await request(async () => {
      await ask()
      await shared.raw("insert into cart values ('b', 'B')")
      assert.deepEqual(await ids(), ["a", "b"])
    })
  })

  it("is asked outside of requests, and in a transaction", async () => {
    await ask()
    await ask()
    assert.equal(taken, 2)
    await request(async () => {
      await ask()
      await shared.transaction(async (transaction) => {
        await database.client.query("insert into cart values ('b', 'B')")
        assert.deepEqual(await ids(transaction), ["a", "b"])
      })
    })
  })

  it("gives one row to who wants one", async () => {
    await request(async () => {
      await ask()
      assert.deepEqual(await orm.em.getConnection().execute(sql, [], "get"), { id: "a", note: "A" })
    })
  })

  /** As the fourth of a kind that is known, about a cart of its own. */
  async function ofKnownKind<T>(kind: string, run: (cart: string) => Promise<T>): Promise<T> {
    await Promise.all([1, 2, 3].map(() => shared.raw("select pg_sleep(0.05)")))
    for (let time = 1; ; time++) {
      const cart = `cart ${++carts}`
      const about = { cart, kind, given: `"cart":"${cart}"` }
      const value = await told.freshness.request(
        true,
        async (request) => {
          const value = await run(cart)
          told.freshness.answeredTo(request, about)
          return value
        },
        about,
      )
      if (time === 4) return value
    }
  }

  it("is asked for what is to be kept, which depends on it", async () => {
    const tags = await ofKnownKind("kept", async () => {
      told.freshness.begin("key")
      await ask("select note from product")
      taken = 0
      await ask("select note from region")
      return (await told.freshness.end("key"))?.tags.join()
    })
    assert.match(tags ?? "", /product.*region|region.*product/)
    assert.equal(taken, 1)
  })

  it("is heard of by who listens to statements, or has them logged", async () => {
    const heard: string[] = []
    const listen = ({ sql }: { sql: string }) => void heard.push(sql)
    shared.on("query", listen)
    await request(async () => {
      await ask()
      await ask()
    })
    shared.removeListener("query", listen)
    assert.deepEqual(heard, [sql, sql])

    taken = 0
    const logger = orm.config.getLogger()
    const { log } = logger
    const said: string[] = []
    logger.log = (_namespace, message) => void said.push(message)
    logger.setDebugMode(["query"])
    await request(async () => {
      await ask()
      await ask()
    })
    logger.setDebugMode(false)
    logger.log = log
    assert.deepEqual([said.length, taken], [2, 2])
  })

  it("waits for the answer that is on its way", async () => {
    await database.client.query("begin; lock table cart")
    await request(async () => {
      const first = ask()
      await until("it waits for the lock", async () => {
        const { rows } = await database.client.query("select 1 from pg_locks where not granted")
        return rows.length > 0
      })
      const other = ask()
      await database.client.query("commit")
      assert.deepEqual(await other, await first)
    })
    assert.equal(taken, 1)
  })

  it("is asked in its turn when asking ahead has failed", async () => {
    const one = (cart: string) => {
      taken = 0
      return ask(`select * from cart where id = '${cart}'`)
    }
    await ofKnownKind("ahead", one)
    assert.equal(taken, 0, "it is at hand")
    await database.client.query("alter table cart rename to thing")
    await assert.rejects(ofKnownKind("ahead", one), /relation "cart" does not exist/)
    await database.client.query("alter table thing rename to cart")
    assert.deepEqual(await ofKnownKind("ahead", one), [])
  })

  describe("to a request that was heard before it runs", () => {
    const note = (of: string) => `select note from cart where id = '${of}'`
    const aboutOf = (cart: string, more = "") => ({ cart, kind: "early", given: `["${cart}"${more}` })
    const run = (about: About, more?: string, early?: Outset) =>
      told.freshness.request(
        true,
        async (request) => {
          const value = [await ask(note(about.cart!)), more && (await ask(note(more)))]
          told.freshness.answeredTo(request, about)
          return value
        },
        about,
        early,
      )
    /** As one that is the fourth of its kind was heard, when all it asks for then was answered. */
    async function heard(cart: string): Promise<Outset> {
      for (const one of ["a1", "a2", "a3"]) await run(aboutOf(one, `,"${one}b"`), `${one}b`)
      const early = told.freshness.setOut(aboutOf(cart))
      assert.ok(early)
      for (let time = 0; time < 3; time++) await shared.raw("select 1")
      taken = 0
      return early
    }

    it("is given, and what more it is asked for then is asked then", async () => {
      const early = await heard("cart x")
      const about = aboutOf("cart x", `,"cart y"`)
      assert.ok(told.freshness.askMore(early, about))
      assert.equal(told.freshness.askMore(early, about), false, "it is on its way")
      assert.deepEqual(await run(about, "cart y", early), [[], []])
      assert.equal(taken, 1)
    })

    it("asks no more when its body says nothing more", () => {
      const repeats = { hear: () => false, journey: {}, askAtOnce: assert.fail }
      assert.equal(told.freshness.askMore({ repeats } as never, aboutOf("cart x")), false)
    })

    it("is not given to another cart, or kind", () => {
      const about = aboutOf("cart x")
      assert.ok(told.freshness.isOfSame(about, aboutOf("cart x", `,"cart y"`)))
      for (const other of [aboutOf("cart y"), { ...about, kind: "other" }]) {
        assert.equal(told.freshness.isOfSame(about, other), false)
      }
    })

    it("is kept as of when it was heard", async () => {
      const early = await heard("cart x")
      told.freshness.begin("another")
      await told.cache.invalidate({ tags: ["cart"] })
      const begun = told.freshness.request(
        true,
        () => told.freshness.beginWithRequest("key"),
        aboutOf("cart x"),
        early,
      )
      assert.deepEqual(begun.fence, early.fence)
      assert.notDeepEqual(begun.fence, told.cache.capture())
      assert.deepEqual([begun.reading.turn, begun.reading.began], [early.turn, early.began])
    })

    it("is asked for by nobody where nothing is known of its kind, or connections are scarce", async () => {
      assert.equal(told.freshness.setOut({ ...aboutOf("cart x"), kind: "unknown" }), undefined)
      await heard("cart x")
      const { sendAtOnce } = told.freshness
      told.freshness.sendAtOnce = () => undefined
      assert.equal(told.freshness.setOut(aboutOf("cart x")), undefined)
      told.freshness.sendAtOnce = sendAtOnce
    })
  })

  it("is left alone where MikroORM is not as expected", () => {
    const { prototype } = AbstractSqlConnection
    const own = prototype.execute
    Object.assign(prototype, { execute: undefined })
    assert.equal(answerAtHand(shared as unknown as Connection, told.freshness), false)
    prototype.execute = own
  })
})
