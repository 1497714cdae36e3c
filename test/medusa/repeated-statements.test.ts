/** Statements answered once in a request: beside a connection that always asks, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { EventEmitter } from "node:events"
import { after, afterEach, before, beforeEach, describe, it, mock } from "node:test"
import knex, { type Knex } from "knex"
import { Client } from "pg"
import { foldTransactions } from "../../src/medusa/folded-transactions"
import type { Database as Connection } from "../../src/medusa/freshness"
import type { Pooled } from "../../src/medusa/knex-client"
import { ownWrites } from "../../src/medusa/own-writes"
import { PreparedStatements } from "../../src/medusa/prepared-statements"
import { spareRepeats } from "../../src/medusa/repeated-statements"
import { makeAtOnce } from "../../src/medusa/single-writes"
import { pickOf, randomOf } from "../history/random"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"
import { until } from "../support/until"

const schema = `
create table cart (id text primary key, note text);
create table cart_item (id text primary key, cart_id text references cart (id) on delete cascade, note text);
create table cart_log (id text primary key, note text);
create table cart_mirror (id text primary key, note text);
create table cart_link (cart_id text primary key, made int default 7, check (cart_id <> 'no'));
create table product (id text primary key, note text);
create table inventory_level (id text primary key, note text);
create table payment (id text primary key, note text);
create table own_balance (id text primary key, note text);
create view cart_summary as select cart_id as id, count(*)::int as note from cart_item group by cart_id;
create function mirror() returns trigger language plpgsql as $$ begin
  insert into cart_mirror values (new.id, new.note) on conflict (id) do update set note = excluded.note; return new; end $$;
create trigger mirrors after insert or update on cart_log for each row execute function mirror();
`
interface Pool {
  numFree(): number
  numUsed(): number
}

const tables = ["cart", "cart_item", "cart_log", "cart_mirror", "product"]

describe("statements within a request", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let sent = 0
  const prepared = new PreparedStatements(assert.fail)
  const locking = {
    acquire: async (..._given: unknown[]) => undefined as unknown,
    execute: async (_keys: unknown, job: () => unknown) => job(),
  }

  before(async () => {
    database = await createDatabase("pegasus_repeats")
    await database.client.query(schema)
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
    const { client } = shared as unknown as { client: { _query(...given: unknown[]): unknown } }
    const prototype = Object.getPrototypeOf(client)
    const send = prototype._query
    prototype._query = function (...given: unknown[]) {
      if (this === client) sent++
      return send.apply(this, given)
    }
    told = await toldCache(shared)
    const { freshness } = told
    const [reads, known] = [(sql: string) => freshness.reads(sql), (sql: string) => freshness.ownRow(sql)]
    assert.ok(prepared.take(shared as unknown as Connection))
    assert.ok(
      foldTransactions(shared as unknown as Connection, { reads, known, mayJoin: () => true, prepared }),
    )
    assert.ok(spareRepeats(shared as unknown as Connection, locking, told.freshness, prepared))
  })
  after(async () => {
    await told?.close()
    await shared?.destroy()
    await database?.drop()
  })
  // What was asked stands for some milliseconds: here they pass only when a test says so.
  afterEach(() => mock.timers.reset())
  beforeEach(async () => {
    mock.timers.enable({ apis: ["Date"], now: Date.now() })
    await database.client.query(`truncate ${[...tables, "inventory_level", "payment"].join()}`)
    sent = 0
  })

  const request = <T>(run: () => Promise<T>) => told.freshness.request(true, run)

  /** A request that is about a cart, to its end. */
  const about = (cart: string, run: () => Promise<unknown>, kind?: string) =>
    told.freshness.request(
      true,
      async (request) => {
        await run()
        told.freshness.answeredTo(request, { cart, kind })
      },
      { cart, kind, given: `"cart":"${cart}"` },
    )

  /** As the first of a kind that is known, about a cart of its own. @returns how many messages were sent */
  let carts = 0
  async function ofKnownKind(kind: string, run: (cart: string) => Promise<unknown>): Promise<number> {
    for (let time = 0; time < 4; time++) {
      const cart = `cart ${++carts}`
      await database.client.query("insert into cart values ($1, 'A')", [cart])
      sent = 0
      await about(cart, () => run(cart), kind)
    }
    return sent
  }
  const rowsOf = async (sql: string) => (await shared.raw(sql)).rows

  it("are proven at once when the request before asked them of the same cart", async () => {
    await database.client.query(
      "insert into cart values ('a', 'A'); insert into cart_item values ('i', 'a', 'I')",
    )
    const read = async () => {
      const cart = await shared.raw("select * from cart as c where c.id in ('a')")
      const items = await shared.raw("select * from cart_item as i where i.cart_id in ('a')")
      return [cart.rows[0]?.note, items.rows[0]?.note]
    }
    const next = async (cart: string, run = read) => {
      sent = 0
      let answer: unknown
      await about(cart, async () => {
        answer = await run()
      })
      return [answer, sent]
    }
    assert.deepEqual(await next("one"), [["A", "I"], 2])
    assert.deepEqual(await next("one"), [["A", "I"], 1])
    assert.deepEqual(await next("another"), [["A", "I"], 2])
    await database.client.query("update cart_item set note = 'J'")
    assert.deepEqual(await next("one"), [["A", "J"], 2], "one stands, one does not")
    const locked = async () => {
      const before = await read()
      await database.client.query("update cart set note = 'B'")
      await locking.acquire("a")
      return [...before, ...(await read())]
    }
    assert.deepEqual(await next("one", locked), [["A", "J", "B", "J"], 3], "and is proven again after a lock")
    const written = async () => {
      await read()
      await shared("cart").update({ note: "C" })
      return read()
    }
    assert.deepEqual((await next("one", written))[0], ["C", "J"])
    await database.client.query("alter table cart_item rename to cart_thing")
    await assert.rejects(next("one"))
    await database.client.query("alter table cart_thing rename to cart_item")
    assert.deepEqual((await next("one"))[0], ["C", "J"])
  })

  it("are proven for who names no cart, or what was made of it", async () => {
    const [cart, collection] = [`cart_${"0".repeat(26)}`, `pay_col_${"0".repeat(26)}`]
    await database.client.query("insert into cart values ($1, 'A'), ('b', 'B')", [cart])
    const own = `select note from cart where id = '${cart}'`
    const other = `select note from cart where id in ('b', 'not ${cart}')`
    const asking = async (given: { cart?: string; given?: string }, ...statements: string[]) => {
      sent = 0
      const notes: unknown[] = []
      await told.freshness.request(
        true,
        async (request) => {
          for (const statement of statements) notes.push((await rowsOf(statement))?.[0]?.note)
          told.freshness.answeredTo(request, given)
        },
        given,
      )
      return [notes, sent]
    }
    assert.deepEqual(await asking({ cart }, own), [["A"], 1])
    assert.deepEqual(await asking({}, other), [["B"], 1], "it is about the cart that it reads")
    assert.deepEqual(await asking({ cart }, own, other), [["A", "B"], 1], "and takes nothing away")
    assert.deepEqual(await asking({ given: collection }, own, other), [["A", "B"], 2])
    await asking({ cart }, `insert into payment values ('${collection}', 'P')`)
    assert.deepEqual(await asking({ given: collection }, own, other), [["A", "B"], 1])
  })

  it("are asked along with those before them, when requests of the kind ask them", async () => {
    await database.client.query(
      "insert into payment values ('p', 'A'); insert into inventory_level values ('l', 'A')",
    )
    const all = async (cart: string) => {
      const [found] = await rowsOf(`select * from cart where id = '${cart}'`)
      const items = await rowsOf(`select * from cart_item where cart_id = '${found.id}'`)
      const [payment] = await rowsOf("select * from payment")
      assert.deepEqual([found.note, items, payment.note], ["A", [], "A"])
    }
    assert.equal(await ofKnownKind("all", all), 1)
    const withStock = async (cart: string) => [await all(cart), await shared("inventory_level")]
    assert.equal(await ofKnownKind("with stock", withStock), 2, "stock waits its turn")
    const twice = async (cart: string) => [await all(cart), await all(cart)]
    assert.equal(await ofKnownKind("twice", twice), 1, "a payment is asked ahead as often as it is asked")
    const late = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      mock.timers.tick(60)
      await rowsOf("select * from payment")
    }
    assert.equal(await ofKnownKind("late", late), 2, "and not long ahead")
    const fewer = async (cart: string) => {
      await all(cart)
      const columns = [`"i"."id"`, `"i".*`, `"i"."note"`]
      for (const some of columns) {
        const [item] = await rowsOf(`select ${some} from "cart" as "i" where "i"."id" = '${cart}'`)
        assert.deepEqual(Object.keys(item), some.endsWith("*") ? ["id", "note"] : [some.slice(5, -1)])
      }
    }
    assert.equal(await ofKnownKind("fewer columns", fewer), 1)
    const together = (cart: string) =>
      Promise.all([rowsOf(`select * from cart where id = '${cart}'`), rowsOf("select * from payment")])
    assert.equal(await ofKnownKind("together", together), 1)
    const search = async (cart: string) => [
      await all(cart),
      await rowsOf("select * from product where note ilike 'a%'"),
    ]
    assert.equal(await ofKnownKind("search", search), 2, "a search may yet be made another")
  })

  it("are asked along, too, when they have parameters", async () => {
    await database.client.query("insert into payment values ('p', 'it''s'), ('7', '7')")
    const noteOf = (id: unknown, note: unknown) => shared("payment").where({ id, note }).pluck("id")
    const asked = async (cart: string) => {
      await shared("cart").where({ id: cart })
      assert.deepEqual([await noteOf("p", "it's"), await noteOf(7, 7)], [["p"], ["7"]])
    }
    assert.equal(await ofKnownKind("parameters", asked), 1)
    const strange = async (cart: string) => {
      await shared("cart").where({ id: cart })
      assert.deepEqual(await noteOf("p", "a\\b"), [])
      const made = await shared("payment")
        .whereRaw("now() > ?", [new Date(0)])
        .pluck("id")
      assert.deepEqual(made, ["p", "7"])
    }
    assert.equal(await ofKnownKind("others", strange), 3, "but not when they have no text of their own")
  })

  it("are asked along as soon as what they are made of is there, though nobody has looked at it", async () => {
    for (let next = carts + 1; next <= carts + 4; next++) {
      await database.client.query(
        `insert into cart_item values ('item ${next}', null, 'cart ${next}');
        insert into payment values ('payment ${next}', 'item ${next}')`,
      )
    }
    const chain = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      await shared("inventory_level")
      const [item] = await rowsOf(`select * from cart_item where note = '${cart}'`)
      const payments = await rowsOf(`select * from payment where note = '${item.id}'`)
      assert.deepEqual(payments, [{ id: cart.replace("cart", "payment"), note: item.id }])
    }
    assert.equal(await ofKnownKind("a chain", chain), 2, "stock alone waits its turn")
  })

  it("are the same in whichever order they name what they look for", async () => {
    await database.client.query("insert into product values ('a', 'A'), ('b', 'B'), ('c', 'C')")
    const notesOf = (...ids: string[]) => shared("product").whereIn("id", ids).orderBy("id").pluck("note")
    const twice = async () => [await notesOf("c", "a"), await notesOf("a", "c"), await notesOf("a", "b")]
    assert.deepEqual(await request(twice), [
      ["A", "C"],
      ["A", "C"],
      ["A", "B"],
    ])
    assert.equal(sent, 2)
  })

  it("are asked along, but never twice the same, when they ask for the time", async () => {
    await database.client.query("insert into product values ('p', 'A')")
    const sql = "select note from product where now() > '2000-01-01'"
    const timed = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      assert.deepEqual(await rowsOf(sql), [{ note: "A" }])
    }
    assert.equal(await ofKnownKind("timed", timed), 1)
    sent = 0
    await request(async () => [await rowsOf(sql), await rowsOf(sql)])
    assert.equal(sent, 2)
  })

  describe("that come first", () => {
    const turn = () => new Promise(setImmediate)
    const isSent = () => until("it is sent", () => sent > 0)
    const pool = () => (shared as unknown as { client: Required<Pooled> & { pool: Pool } }).client
    const isGivenBack = (others = 0) =>
      until("the connection is given back", () => pool().pool.numUsed() <= others)
    let items: string[] = []
    /** As the first of its kind that is asked at once. */
    const ofOwnKind = (kind: string, meanwhile: (cart: string) => Promise<unknown>) =>
      ofKnownKind(kind, async (cart) => {
        if (carts % 4 === 0) await meanwhile(cart)
        const rows = await rowsOf(`select * from cart_item where cart_id = '${cart}'`)
        items = rows.map(({ note }: { note: string }) => note)
      })

    before(async () => {
      await Promise.all([1, 2, 3].map(() => shared.raw("select pg_sleep(0.05)")))
    })
    beforeEach(() => {
      carts = 4 * Math.ceil(carts / 4)
    })

    it("are asked before it is their turn", async () => {
      assert.equal(await ofOwnKind("at once", isSent), 1)
    })

    it("are asked again in their turn by who wrote or had a lock meanwhile", async () => {
      const written = (cart: string) => `insert into cart_item values ('${cart}', '${cart}', 'meanwhile')`
      const locked = async (cart: string) => {
        await isSent()
        await isGivenBack()
        await database.client.query(written(cart))
        await locking.acquire("a")
      }
      assert.deepEqual([await ofOwnKind("locked", locked), items], [2, ["meanwhile"]])
      await ofOwnKind("wrote", async (cart) => {
        await isSent()
        await isGivenBack()
        await shared.raw(written(cart))
      })
      assert.deepEqual(items, ["meanwhile"])
    })

    it("are asked in their turn when no more than one connection is idle", async () => {
      const client = pool()
      const taken: object[] = []
      while (client.pool.numFree() > 1) taken.push(await client.acquireConnection())
      const isNot = async () => {
        for (let turns = 0; turns < 5; turns++) await turn()
        assert.equal(sent, 0)
      }
      await ofOwnKind("scarce", isNot).finally(async () => {
        for (const connection of taken) await client.releaseConnection(connection)
      })
    })

    it("are asked in their turn while others ask at once on what is idle", async () => {
      const client = pool()
      const taken: object[] = []
      while (client.pool.numFree() > 3) taken.push(await client.acquireConnection())
      const both = (kind: string) => {
        sent = 0
        return Promise.all([about("cart a", turn, kind), about("cart b", turn, kind)])
      }
      await ofOwnKind("side by side", turn)
      const before = client.pool.numFree()
      await both("side by side")
      await isGivenBack(taken.length)
      const counts = [before, sent]
      for (const connection of taken) await client.releaseConnection(connection)
      assert.deepEqual(counts, [3, 1], "one for each who asks, too")
    })

    it("are asked at once again after requests that were refused", async () => {
      await ofOwnKind("refused", turn)
      const about = { cart: "cart a", kind: "refused", given: `"cart":"cart a"` }
      for (let time = 0; time < 5; time++) {
        await told.freshness.request(
          true,
          async (request) => {
            await isSent()
            await isGivenBack()
            told.freshness.answeredTo(request, about, false)
          },
          about,
        )
        sent = 0
      }
      await ofOwnKind("refused", isSent)
    })

    it("may make a part, which is not kept when something of it moved since the request began", async () => {
      const { freshness, cache } = told
      await database.client.query("insert into product values ('p', 'A')")
      let changes = false
      const show = async (cart: string) => {
        if (carts % 4 === 0) await isSent()
        await isGivenBack()
        if (carts % 4 === 0 && changes) {
          await database.client.query("update product set note = 'B'")
          assert.ok(await freshness.settled())
        }
        await freshness.within(async () => {
          const { fence } = freshness.beginWithRequest("part")
          items = (await rowsOf("select note from product")).map(({ note }: { note: string }) => note)
          const { tags = [] } = (await freshness.end("part")) ?? {}
          await cache.set({ key: cart, value: items, tags, ttl: 60_000, fence })
        })
      }
      const isKept = () => cache.peek(`cart ${carts}`) !== undefined
      assert.deepEqual([await ofKnownKind("a part", show), items, isKept()], [1, ["A"], true])
      changes = true
      assert.deepEqual([await ofKnownKind("a part", show), items, isKept()], [1, ["A"], false])
      const within = (cart: string) =>
        freshness.within(async () => {
          await isSent()
          await isGivenBack()
          freshness.begin("what began later")
          await show(cart)
        })
      await database.client.query("update product set note = 'A'")
      await ofKnownKind("a part of something", (cart) => (carts % 4 === 0 ? within(cart) : show(cart)))
      assert.deepEqual(items, ["B"], "what it is a part of has a later place")
    })

    it("fail in their turn, and the connection is given back", async () => {
      await ofOwnKind("renamed", turn)
      await database.client.query("alter table cart_item rename to cart_thing")
      const one = () =>
        about("cart a", () => rowsOf("select * from cart_item where cart_id = 'cart a'"), "renamed")
      await assert.rejects(one)
      await isGivenBack()
      await database.client.query("alter table cart_thing rename to cart_item")
      await one()
    })

    it("are not what requests before asked, when that did not serve", async () => {
      let [shows, waits] = [true, false]
      const show = async (cart: string) => {
        if (waits && shows) await isSent()
        if (shows) await rowsOf(`select * from cart as c where c.id in ('${cart}')`)
        else await turn()
      }
      await ofKnownKind("shown", show)
      const again = async () => {
        sent = 0
        await about(`cart ${carts}`, () => show(`cart ${carts}`), "shown")
        await isGivenBack()
        return sent
      }
      waits = true
      for (let time = 0; time < 5; time++) assert.equal(await again(), 1)
      shows = false
      const counts: number[] = []
      for (let time = 0; time < 9; time++) counts.push(await again())
      assert.deepEqual([counts[0], counts.at(-1)], [1, 0])
    })
  })

  it("are asked in the message in which a link is made and committed", async (t) => {
    const asked = t.mock.method(Client.prototype, "query").mock
    /** How many messages were about links. */
    const messages = () =>
      asked.calls.filter(({ arguments: [config] }) => {
        const { text } = config as { text?: string }
        return /^(?!prepare).*cart_link|^execute/s.test(text ?? String(config))
      }).length
    const linkOf = (id: string) =>
      `insert into "cart_link" ("cart_id") values ('${id}') on conflict ("cart_id") do update set "made" = 8 returning "made"`
    const service = {
      create: (...given: unknown[]) =>
        shared.transaction(async (transaction) => {
          const [id, then] = given as [string, ((transaction: Knex) => Promise<unknown>) | undefined]
          const { rows } = await transaction.raw(linkOf(id))
          await then?.(transaction)
          return rows[0].made as number
        }),
    }
    const { create } = service
    const creating = create as (...given: unknown[]) => Promise<number>
    makeAtOnce(service)
    const link = service.create as typeof creating
    const links = (cart: string) => rowsOf(`select made from cart_link where cart_id = '${cart}'`)
    let sentInAll: number[] = []
    const run = (make: typeof creating) => async (cart: string) => {
      sentInAll = []
      await rowsOf(`select note from cart where id = '${cart}'`)
      const before = messages()
      assert.equal(await make(cart), 7)
      sentInAll.push(messages() - before)
      assert.deepEqual(await links(cart), [{ made: 7 }])
      sentInAll.push(messages() - before)
    }
    assert.equal(await ofKnownKind("links as ever", run(creating)), 1)
    assert.deepEqual(sentInAll, [2, 2])
    assert.equal(await ofKnownKind("links at once", run(link)), 1)
    assert.deepEqual(sentInAll, [1, 1])
    assert.equal(await link(`cart ${carts}`), 8, "outside of a request, too")
    const failing = async (cart: string) => {
      await run(link)(cart)
      await rowsOf("select note from product")
    }
    assert.equal(await ofKnownKind("links before what fails", failing), 1)
    await database.client.query("alter table product rename to thing")
    await assert.rejects(ofKnownKind("links before what fails", failing), { code: "42P01" })
    assert.deepEqual(
      sentInAll,
      [1, 3],
      "it was made, and what was asked after it is asked in its turn, at last alone",
    )
    await database.client.query("alter table thing rename to product")
    await assert.rejects(link("no"), { code: "23514" })
    assert.deepEqual(await links("no"), [])
    const more = async (transaction: Knex) => {
      for (const id of ["a", "b"]) await transaction.raw("insert into cart_log values (?)", [id])
      throw new Error("no more")
    }
    await assert.rejects(link("more", more), { message: "no more" })
    assert.deepEqual([await links("more"), await rowsOf("select * from cart_log")], [[{ made: 7 }], []])
  })

  it("are asked in the message that commits what was written before them", async () => {
    const note = (cart: string) => rowsOf(`select note from cart where id = '${cart}'`)
    const items = (cart: string) => rowsOf(`select note from cart_item where cart_id = '${cart}'`)
    const add = (cart: string) =>
      shared.transaction((transaction) =>
        transaction.raw(
          `insert into "cart_item" ("id", "cart_id", "note") values ('${cart}', '${cart}', 'P')`,
        ),
      )
    const told = async (cart: string) => [await items(cart), await note(cart)].flat().map(({ note }) => note)
    const once = async (cart: string) => {
      await note(cart)
      await add(cart)
      assert.deepEqual(await told(cart), ["P", "A"])
    }
    assert.equal(await ofKnownKind("committed once", once), 1)
    const twice = async (cart: string) => {
      await once(cart)
      await shared.transaction((transaction) =>
        transaction.raw(`update cart_item set note = 'Q' where id = '${cart}'`),
      )
      assert.deepEqual(await told(cart), ["Q", "A"])
    }
    assert.equal(await ofKnownKind("committed twice", twice), 1)
    const changing = async (cart: string) => {
      await note(cart)
      await add(cart)
      await shared.raw(`update cart_item set note = 'Q' where id = '${cart}'`)
      assert.deepEqual(await told(cart), ["Q", "A"])
    }
    assert.equal(await ofKnownKind("changing", changing), 3, "what is written after it is read after it")
    let changes = false
    const sometimes = async (cart: string) => {
      await note(cart)
      const change = changes && shared.raw(`update cart set note = 'B' where id = '${cart}'`)
      await Promise.all([add(cart), change])
      assert.deepEqual(await told(cart), ["P", changes ? "B" : "A"])
    }
    assert.equal(await ofKnownKind("sometimes", sometimes), 1)
    changes = true
    await ofKnownKind("sometimes", sometimes)
    const elsewhere = await createDatabase("pegasus_elsewhere")
    await elsewhere.client.query(schema)
    const other = knex({ client: "pg", connection: { connectionString: elsewhere.url } })
    const beside = async (cart: string) => {
      await note(cart)
      await other.transaction(async (transaction) => {
        await transaction.raw(`insert into cart values ('${cart}', 'O')`)
        await transaction.raw(`insert into cart_item values ('${cart}', '${cart}', 'O')`)
      })
      assert.deepEqual(await items(cart), [], "another database has tables of these names, too")
    }
    await ofKnownKind("beside", beside)
    await other.destroy()
    await elsewhere.drop()
  })

  describe("of a row that the request has made and committed", () => {
    let table = "payment"
    const text = (condition: string) => `select "p".* from "${table}" as "p" where ${condition}`
    const byId = (id: string) => text(`"p"."id" = '${id}' order by "p"."id" asc`)
    const among = (cart: string) => text(`"p"."note" in ('${cart}')`)
    const insert = (id: string, cart: string) =>
      `insert into "${table}" ("id", "note") values ('${id}', '${cart}')`
    const idOf = (cart: string) => `pay_${cart.replace("cart ", "").padStart(26, "0")}`
    let seen: (string | undefined)[] = []
    beforeEach(() => {
      carts = 4 * Math.ceil(carts / 4)
    })

    /** @param others what the request does besides, and what is changed where */
    async function ofOwnRow(
      kind: string,
      others: {
        isMade?: boolean
        list?: (cart: string) => string
        ask?: (id: string) => string
        before?: (id: string) => Promise<unknown>
        within?: (transaction: Knex.Transaction) => Promise<unknown>
        on?: Knex
        around?: <T>(run: () => Promise<T>) => Promise<T>
      } = {},
    ): Promise<(string | undefined)[]> {
      const {
        isMade = true,
        list = among,
        ask: asks = byId,
        before,
        within,
        on = shared,
        around = (run) => run(),
      } = others
      await ofKnownKind(`own row ${kind}`, async (cart) => {
        const id = idOf(cart)
        if (isMade) told.freshness.made(id)
        await rowsOf(`select note from cart where id = '${cart}'`)
        await shared.transaction((transaction) => transaction.raw(insert(id, cart)))
        await database.client.query(`update ${table} set note = 'changed' where id = $1`, [id])
        await before?.(id)
        const ask = async (transaction: Knex.Transaction) => {
          await within?.(transaction)
          const first = await transaction.raw(asks(id))
          await transaction.raw("select 1")
          const second = await transaction.raw(asks(id))
          return [first, second].map(({ rows }) => rows[0]?.note ?? "none")
        }
        seen = await around(() => on.transaction(ask))
        const [listed] = await rowsOf(list(cart))
        if (list === among && !before) seen.push(listed?.note)
      })
      const [cart] = [`cart ${carts}`]
      return seen.map((note) => (note === cart ? "own" : note))
    }

    it("are known to a transaction that begins with them, when it was shown among others since", async () => {
      assert.deepEqual(await ofOwnRow("own"), ["own", "changed", "own"])
      const withDeleted = {
        list: (cart: string) => text(`"p"."note" is not null and "p"."note" in ('${cart}')`),
      }
      assert.deepEqual(await ofOwnRow("otherwise", withDeleted), ["changed", "changed"])
    })

    it("are asked by others", async () => {
      assert.deepEqual(await ofOwnRow("of another", { isMade: false }), ["changed", "changed", "own"])
      const within = (transaction: Knex.Transaction) => transaction.raw("select 1")
      assert.deepEqual(await ofOwnRow("later", { within }), ["changed", "changed", "own"])
      const around = <T>(run: () => Promise<T>) =>
        told.freshness.within(() => {
          told.freshness.begin("what is kept")
          return run()
        })
      assert.deepEqual(await ofOwnRow("to be kept", { around }), ["changed", "changed", "own"])
      const ask = (id: string) => `${byId(id)} for update`
      assert.deepEqual(await ofOwnRow("with a lock", { ask }), ["changed", "changed", undefined])
      const few = (id: string) => text(`"p"."id" = '${id}' and "p"."note" <> 'changed'`)
      assert.deepEqual(await ofOwnRow("with another condition", { ask: few }), ["none", "none", "own"])
    })

    it("are asked once the request wrote to the table, or a while has passed", async () => {
      const atLast = (act: () => unknown) => async () => void (carts % 4 === 0 && (await act()))
      const write = atLast(() => shared.raw("update payment set note = note where id = 'none'"))
      assert.deepEqual(await ofOwnRow("wrote", { before: write }), ["changed", "changed"])
      const wait = atLast(() => mock.timers.tick(15))
      for (table of ["payment", "cart_item"]) {
        assert.deepEqual(await ofOwnRow(`late ${table}`, { before: wait }), ["changed", "changed"])
        assert.deepEqual(await ofOwnRow(`in time ${table}`), ["own", "changed", "own"])
      }
      table = "payment"
    })

    it("are asked when it was shown more than once", async () => {
      await database.client.query("insert into product values ('one', 'A'), ('two', 'B')")
      const text = (condition: string) =>
        `select "p".* from "payment" as "p" left join "product" as "o" on true where ${condition}`
      const list = (cart: string) => text(`"p"."note" in ('${cart}')`)
      const ask = (id: string) => text(`"p"."id" = '${id}'`)
      assert.deepEqual(await ofOwnRow("twice", { list, ask }), ["changed", "changed"])
      await database.client.query("delete from product where id = 'two'")
      assert.deepEqual(await ofOwnRow("once", { list, ask }), ["own", "changed"])
    })

    it("are asked of another database", async () => {
      const elsewhere = await createDatabase("pegasus_elsewhere")
      await elsewhere.client.query(schema)
      const other = knex({ client: "pg", connection: { connectionString: elsewhere.url } })
      try {
        assert.deepEqual(await ofOwnRow("elsewhere", { on: other }), ["none", "none", "own"])
      } finally {
        await other.destroy()
        await elsewhere.drop()
      }
    })
  })

  it("are not asked ahead of what changes them", async () => {
    const paid = async () => (await rowsOf("select * from payment"))[0].note
    await database.client.query("insert into payment values ('p', 'A')")
    const own = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      await shared("payment").update({ note: cart })
      assert.equal(await paid(), cart)
    }
    await ofKnownKind("own", own)
    const others = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      await database.client.query("update payment set note = $1", [cart])
      await locking.acquire("a")
      assert.equal(await paid(), cart)
    }
    await ofKnownKind("others", others)
    // The same, where the ones before did not write.
    let writes = false
    const some = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      if (writes) await shared("payment").update({ note: cart })
      const note = await paid()
      if (writes) assert.equal(note, cart)
    }
    await ofKnownKind("some", some)
    writes = true
    await about("cart of its own", () => some("cart of its own"), "some")
  })

  it("are asked along when they are read to be kept, but not before it is known what for", async () => {
    const { freshness } = told
    await database.client.query("insert into product values ('p', 'A')")
    const product = async () => (await rowsOf("select * from product"))[0].note
    const kept = async (cart: string, read: (cart: string) => Promise<unknown>) =>
      freshness.within(async () => {
        const { key } = freshness.begin("kept")
        const value = await read(cart)
        return { value, depends: await freshness.end(key) }
      })
    const both = async (cart: string) => [
      await rowsOf(`select id from product where id = '${cart}'`),
      await product(),
    ]
    let tags: readonly string[] | undefined
    const inside = async (cart: string) => {
      tags = (await kept(cart, both)).depends?.tags
    }
    assert.equal(await ofKnownKind("inside", inside), 1)
    assert.ok(tags?.includes("db:product!"), "it depends on what was asked along, too")
    const between = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      await kept(cart, product)
    }
    assert.equal(await ofKnownKind("between", between), 2)
    let isKept = false
    const late = async (cart: string) => {
      await rowsOf(`select * from cart where id = '${cart}'`)
      if (!isKept) return product()
      await database.client.query("update product set note = 'B'")
      const { value } = await kept(cart, product)
      assert.equal(value, "B")
    }
    assert.equal(await ofKnownKind("kept late", late), 1)
    isKept = true
    await about("cart kept late", () => late("cart kept late"), "kept late")
  })

  it("are asked for what is kept from when its load begins, and not from when somebody looked for it", async () => {
    const { freshness } = told
    await database.client.query("insert into product values ('p', 'A')")
    const note = async () => (await rowsOf("select note from product"))[0].note
    const load = (isLate: boolean) =>
      freshness.within(async () => {
        const reading = freshness.begin("kept")
        await note()
        if (isLate) freshness.loads(reading)
        return note()
      })
    const notes = (isLate: boolean) =>
      request(async () => {
        const looking = load(isLate)
        await note()
        return looking
      })
    await notes(false)
    sent = 0
    await notes(true)
    assert.equal(sent, 3)
  })

  it("hinder nobody when they cannot be asked along", async () => {
    await database.client.query("insert into payment values ('p', 'A')")
    const statements = (cart: string) => [
      `select * from cart where id = '${cart}'`,
      `select * from cart_item where cart_id = '${cart}'`,
      "select note from payment",
    ]
    const inTurn = async (cart: string) => {
      for (const statement of statements(cart))
        outcomes.push(await rowsOf(statement).catch(({ code }) => code))
    }
    const together = async (cart: string) => {
      const all = statements(cart).map((statement) => rowsOf(statement).catch(({ code }) => code))
      outcomes.push(...(await Promise.all(all)))
    }
    let outcomes: unknown[] = []
    await ofKnownKind("in turn", inTurn)
    await ofKnownKind("together", together)
    await database.client.query("alter table payment rename to payments")
    for (const [kind, run] of Object.entries({ together, "in turn": inTurn })) {
      const cart = `cart ${kind}`
      await database.client.query("insert into cart values ($1, 'A')", [cart])
      outcomes = []
      // Connections for all, so that each waits for the first.
      await Promise.all(["a", "b", "c"].map(() => shared.raw("select pg_sleep(0.05)")))
      await about(cart, () => run(cart), kind)
      assert.deepEqual(outcomes, [[{ id: cart, note: "A" }], [], "42P01"])
    }
    await database.client.query("alter table payments rename to payment")
  })

  it("are asked once, and each caller has rows of his own", async () => {
    await database.client.query("insert into cart values ('a', 'A')")
    await request(async () => {
      const [first] = await shared("cart").where({ id: "a" })
      first.note = "changed"
      const all = await Promise.all([shared("cart").where({ id: "a" }), shared("cart").where({ id: "a" })])
      for (const [row] of all) assert.deepEqual(row, { id: "a", note: "A" })
    })
    assert.equal(sent, 1)
    await request(() => shared("cart").where({ id: "a" }))
    assert.equal(sent, 2, "another request asks for itself")
  })

  it("are others when their parameters are", async () => {
    await database.client.query("insert into cart values ('a', 'A'), ('b', 'B')")
    await request(async () => {
      for (const id of ["a", "b"]) {
        const [row] = await shared("cart").select("cart.id", "cart.note").where("cart.id", id)
        assert.equal(row.id, id)
        const [fewer] = await shared("cart").select("cart.note").where("cart.id", id)
        assert.equal(fewer.note, id.toUpperCase())
      }
    })
  })

  it("are asked anew for stock, by who does not recall, and by who has waited for a lock", async () => {
    const twice = async (table: string) => {
      sent = 0
      for (let time = 0; time < 2; time++) await shared(table).where({ id: "a" })
      return sent
    }
    assert.equal(await request(() => twice("cart")), 1)
    assert.equal(await request(() => twice("product")), 1)
    assert.equal(await request(() => twice("inventory_level")), 2)
    assert.equal(await request(() => twice("own_balance")), 2, "of a module of the store's own")
    assert.equal(await request(() => twice("cart_summary")), 2, "nobody knows what is under a view")
    assert.equal(await told.freshness.request(false, () => twice("cart")), 2)
    const locked = async (lock: () => Promise<unknown>) => {
      await shared("cart").where({ id: "a" })
      sent = 0
      await lock()
      await shared("cart").where({ id: "a" })
      return sent
    }
    assert.equal(await request(() => locked(() => locking.acquire("a"))), 1)
    assert.equal(await request(() => locked(() => locking.execute("a", async () => undefined))), 1)
  })

  it("say nothing of what is not committed, and everything of what is", async () => {
    const notes = async (on: Knex) => (await on("cart")).map(({ note }) => note)
    await database.client.query("insert into cart values ('a', 'old')")
    await request(async () => {
      await shared.transaction(async (transaction) => {
        await transaction("cart").update({ note: "new" })
        assert.deepEqual(await notes(transaction), ["new"])
        assert.deepEqual(await notes(shared), ["old"])
      })
      assert.deepEqual(await notes(shared), ["new"])
    })
    await request(async () => {
      const slow = shared.raw("update cart set note = 'newer' where pg_sleep(0.2) is not null")
      const writing = slow.then(() => undefined)
      await database.client.query("select 1")
      assert.deepEqual(await notes(shared), ["new"])
      await writing
      assert.deepEqual(await notes(shared), ["newer"])
    })
  })

  it("are asked anew after a function that may write, and after a lock in the database", async () => {
    await database.client.query(`insert into cart values ('a', 'old');
      create function rewrite() returns int language sql as $$ update cart set note = 'new' returning 1 $$`)
    const note = async () => (await shared("cart").where({ id: "a" }))[0].note
    await request(async () => {
      assert.equal(await note(), "old")
      await shared.raw("select rewrite()")
      assert.equal(await note(), "new")
      sent = 0
      await shared.raw("select * from cart for update")
      await note()
      assert.equal(sent, 2)
    })
  })

  it("are asked anew when the request has been answered", async () => {
    await database.client.query("insert into cart values ('a', 'old')")
    const res = Object.assign(new EventEmitter(), { end: () => undefined })
    const scope = { resolve: () => ({ ownWrites: told.freshness }) }
    const subscriber = new Promise<unknown>((resolve) => {
      const req = { scope, method: "POST", originalUrl: "/store/carts/a" }
      ownWrites(req as never, res as never, async () => {
        await shared("cart").where({ id: "a" })
        await database.client.query("update cart set note = 'new'")
        const [before] = await shared("cart").where({ id: "a" })
        res.emit("close")
        const [after] = await shared("cart").where({ id: "a" })
        resolve([before.note, after.note])
      })
    })
    assert.deepEqual(await subscriber, ["old", "new"])
  })

  it("and what is kept are asked for in the database when a cart is completed, until it is proven", async () => {
    const scope = { resolve: () => ({ ownWrites: told.freshness }) }
    const complete = (url: string, run: (close: () => void) => unknown) =>
      new Promise((resolve) => {
        const res = Object.assign(new EventEmitter(), { end: () => undefined })
        const req = { scope, method: "POST", originalUrl: url }
        ownWrites(req as never, res as never, async () => resolve(await run(() => res.emit("close"))))
      })
    const recalls = async () => {
      const atFirst = told.freshness.recalls
      await told.freshness.settled()
      return [atFirst, told.freshness.recalls]
    }
    assert.deepEqual(await complete("/store/carts/a/complete", recalls), [false, true])
    assert.deepEqual(await complete("/store/carts/a", recalls), [true, true])
    const closing = (close: () => void) => [close(), recalls()][1]
    assert.deepEqual(await complete("/store/carts/a/complete", closing), [false, false], "it is over")
  })

  it("make up calls, which are made once, too; each caller has an answer of his own", async () => {
    await database.client.query("insert into cart values ('a', 'A')")
    let made = 0
    const call = (table: string) =>
      told.freshness.once(
        () => table,
        async () => {
          made++
          return await shared(table).select("note")
        },
      )
    const count = async (run: () => Promise<unknown>) => {
      made = 0
      await request(run)
      return made
    }
    const twice = (table: string) => async () => [await call(table), await call(table)]
    const changing = async () => {
      const first = await call("cart")
      first[0]!.note = "changed"
      for (const rows of await Promise.all([call("cart"), call("cart")])) {
        assert.deepEqual(rows, [{ note: "A" }])
        rows[0]!.note = "changed"
      }
    }
    assert.equal(await count(changing), 1)
    assert.equal(await count(twice("inventory_level")), 2, "of stock")
    assert.equal(await count(() => shared.transaction(twice("cart"))), 1)
    const written = async () => {
      await call("cart")
      await shared("cart").update({ note: "B" })
      assert.deepEqual(await call("cart"), [{ note: "B" }])
      await locking.acquire("a")
      await call("cart")
    }
    assert.equal(await count(written), 3)
    const later = async () => {
      await call("cart")
      mock.timers.tick(1_001)
      await call("cart")
    }
    assert.equal(await count(later), 2)
    const failing = () =>
      assert.rejects(
        told.freshness.once(
          () => "failing",
          () => shared("missing"),
        ),
      )
    await request(async () => [await failing(), await failing()])
    const once = (key: string, make: () => Promise<unknown>) => told.freshness.once(() => key, make)
    const around = (table: string) =>
      once(`around ${table}`, async () => [await call(table), await shared("product")])
    assert.equal(
      await count(async () => [await around("inventory_level"), await around("inventory_level")]),
      2,
    )
    const remembered = async () => {
      await call("cart")
      await around("cart")
      await shared("cart").update({ note: "C" })
      assert.deepEqual(await around("cart"), [[{ note: "C" }], []])
    }
    assert.equal(await count(remembered), 2)
    let asked = 0
    await request(async () => {
      for (let time = 0; time < 2; time++) await once("nothing", async () => ++asked)
    })
    assert.equal(asked, 2, "who asked nothing says nothing of what he depends on")
    assert.equal(await count(async () => [await call("cart")]), 1, "another request asks for itself")
  })

  it("are left alone where knex or the locks are not as expected", () => {
    const connection = shared as unknown as Connection
    assert.equal(spareRepeats(connection, undefined, told.freshness, prepared), false)
    assert.equal(
      spareRepeats({ ...connection, client: {} } as never, locking, told.freshness, prepared),
      false,
    )
  })

  it("several in one are asked as they are", async () => {
    await request(async () => {
      for (let time = 0; time < 2; time++) {
        const answers = await shared.raw("select 1 as one from cart; select 2 as two")
        assert.deepEqual(
          answers.map(({ rows }: { rows: unknown[] }) => rows),
          [[], [{ two: 2 }]],
        )
      }
    })
  })

  it("with values that have no text are asked as they are", async () => {
    await request(async () => {
      for (let time = 0; time < 2; time++)
        assert.deepEqual(await shared("cart").whereRaw("length(id) = ?", [5n as never]), [])
      const many = shared("cart").whereRaw("length(id) = any(?)", [[5n, 6n] as never])
      assert.deepEqual(await many, [])
    })
    assert.equal(sent, 3)
  })

  it("give what pg makes of a value, methods and all", async () => {
    await database.client.query("insert into cart values ('a', '2 days')")
    await request(async () => {
      for (let time = 0; time < 2; time++) {
        const [row] = await rowsOf("select note::interval as time from cart")
        assert.equal(row.time.toPostgres(), "2 days")
      }
    })
    assert.equal(sent, 1)
  })

  it("fail as often as they are asked and fail", async () => {
    await request(async () => {
      for (let time = 0; time < 2; time++) await assert.rejects(shared("cart").where({ missing: 1 }))
    })
    assert.equal(sent, 2)
  })

  const seed = Number(process.env.PEGASUS_TEST_SEED ?? Date.now() % 1_000_000)
  it(`say what asking again would say, whatever the request writes (seed ${seed})`, async () => {
    const random = randomOf(seed)
    let chance = random
    const pick = pickOf(() => chance())
    const ids = ["a", "b", "c"]
    let count = 0
    const write = async (on: Knex) => {
      const [table, id, note] = [pick([...tables, "payment"]), pick(ids), `note ${++count}`]
      if (table === "cart_item") {
        await on.raw("insert into cart values (?, ?) on conflict (id) do nothing", [id, note])
        await on.raw(
          "insert into cart_item values (?, ?, ?) on conflict (id) do update set note = excluded.note, cart_id = excluded.cart_id",
          [pick(ids), id, note],
        )
      } else if (random() < 0.2) await on(table).where({ id }).delete()
      else if (random() < 0.5) await on(table).where({ id }).update({ note })
      else
        await on.raw(
          `with made as (insert into ${table} values (?, ?) on conflict (id) do update set note = excluded.note returning id) select * from made`,
          [id, note],
        )
    }
    const reads = [
      ...tables.map((table) => `select * from ${table} order by id`),
      ...ids.map((id) => `select i.id, i.note from cart_item i where i.cart_id in ('${id}')`),
      "select note from payment",
      `select "c"."note", "c"."id" from "cart" as "c" order by "c"."id"`,
      `select "c".*, "c"."id" as "cart_id" from "cart" as "c" order by "c"."id"`,
      `select "c"."id" as "cart_id" from "cart" as "c" order by "c"."id"`,
      `select "c"."id" from "cart" as "c" order by "c"."id"`,
      `select "p"."id", "p"."note" from "payment" as "p" order by "p"."id"`,
      `select "p"."note" from "payment" as "p" order by "p"."id"`,
      "select c.note, i.note as item from cart c left join cart_item i on i.cart_id = c.id order by 1, 2",
    ]
    const read = async (sql: string) => (await shared.raw(sql)).rows
    const readOnce = (sql: string) =>
      told.freshness.once(
        () => sql,
        () => read(sql),
      )
    const check = async () => {
      const [sql, other] = [pick(reads), pick(reads)]
      const pair = () =>
        told.freshness.once(
          () => `${sql} and ${other}`,
          async () => [await readOnce(sql), await read(other)],
        )
      const truth = [(await database.client.query(sql)).rows, (await database.client.query(other)).rows]
      const mine = chance() < 0.5 ? await pair() : [await readOnce(sql), await read(other)]
      assert.deepEqual(mine, truth, `${sql} and ${other}`)
    }
    sent = 0
    let asked = 0
    const other = knex({ client: "pg", connection: { connectionString: database.url } })
    for (let round = 0; round < 80; round++) {
      // Others write between the requests, which begin with what the one before asked.
      if (random() < 0.7) await write(other)
      // Requests of a kind do the same, but where chance has it that they do not.
      const kind = pick(["one", "two", "three", "four"])
      const usual = randomOf(kind.length)
      const act = async () => {
        chance = () => (random() < 0.1 ? random() : usual())
        for (let step = 0; step < 12; step++) {
          const what = chance()
          if (what < 0.75) {
            asked += 2
            await check()
          } else if (what < 0.87) await write(shared)
          else if (what < 0.91) {
            await Promise.allSettled([shared.transaction(write), write(shared), shared.transaction(write)])
          } else {
            await shared.transaction(async (transaction) => {
              await write(transaction)
              asked += 2
              await check()
              await write(transaction)
            })
          }
        }
      }
      await about("cart_of_chance", act, kind)
      chance = random
    }
    await other.destroy()
    assert.ok(sent < asked, `${sent} of ${asked} were asked`)
  })
})
