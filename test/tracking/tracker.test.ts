import assert from "node:assert/strict"
import { before, describe, it } from "node:test"
import { setImmediate as turn } from "node:timers/promises"
import { type Catalog, loadParser, Repeats, Tracker } from "../../src/tracking"

const names = ["a", "b", "c", "blog-post"]
const table = { keys: new Set(["id"]), primary: "id", isDated: false }
const catalog: Catalog = {
  isKnown: true,
  schema: "public",
  isTable: (name) => name !== "a_view",
  tables: new Map(names.map((name) => [name, table])),
  leads: () => false,
  isHarmless: () => true,
  spreads: () => false,
}

describe("the tracker", () => {
  let tracker: Tracker
  let queries = 0
  before(async () => {
    await loadParser()
    tracker = new Tracker(() => catalog)
  })

  const query = async (sql: string, transaction?: string) => {
    const issued = { id: String(++queries), sql, transaction }
    tracker.issued(issued)
    await turn()
    tracker.answeredBy(issued, [])
  }
  /** As `useCache` calls a module: `get` awaited, the load, `set` not awaited. */
  const cached = async (key: string, load: () => Promise<unknown>) => {
    const get = async () => {
      tracker.begin(key)
      await turn()
    }
    await get()
    await load()
    return tracker.end(key)!
  }
  const tablesOf = (reading: { tags: Set<string> }) =>
    [...reading.tags].flatMap((tag) => /^db:(\w+)!$/.exec(tag)?.[1] ?? []).sort()

  it("notes what is read between the miss and the set, and nothing else", async () => {
    await query("select * from c")
    const reading = await cached("k", async () => {
      await query("select * from a")
      await Promise.all([query("select * from b"), query("select * from a where id = 'x'")])
    })
    await query("select * from c")
    assert.deepEqual(tablesOf(reading), ["a", "b"])
    assert.equal(reading.opaque, undefined)
  })

  it("keeps loads of different contexts apart", async () => {
    const [a, b] = await Promise.all(
      ["a", "b"].map(async (name) => {
        await turn()
        return cached(name, () => query(`select * from ${name}`))
      }),
    )
    assert.deepEqual([tablesOf(a!), tablesOf(b!)], [["a"], ["b"]])
  })

  it("notes what a load within a load reads in both, also when it was cached or failed", async () => {
    const outer = await cached("outer", async () => {
      const inner = await cached("inner", () => query("select * from a"))
      assert.deepEqual(tablesOf(inner), ["a"])
      await cached("failing", async () => {
        await query("select * from b")
        throw new Error("no")
      }).catch(() => undefined)
      tracker.answered(tracker.begin("hit"), { tags: ["db:c!"], expiresAt: 5 })
    })
    assert.deepEqual(tablesOf(outer), ["a", "b", "c"])
    assert.equal(outer.expiresAt, 5)
  })

  it("makes opaque what cannot be known", async () => {
    const opaque = async (load: () => Promise<unknown>) => (await cached("k", load)).opaque
    assert.match((await opaque(() => query("update a set x = 1")))!, /writes/)
    assert.match((await opaque(() => query("select now()")))!, /time/)
    assert.match((await opaque(() => query("select * from a where id > 'today'")))!, /time/)
    assert.match((await opaque(() => query("select * from a, a_view")))!, /no table/)
    assert.match((await opaque(() => query("select * from other.a")))!, /no table/)
    assert.match((await opaque(async () => tracker.taint("by tag")))!, /by tag/)
    assert.match((await opaque(() => query("select * from a", "earlier")))!, /transaction/)
    assert.match((await opaque(async () => tracker.issued({ id: "never", sql: "select 1" })))!, /under way/)
    const failing = async () => {
      tracker.issued({ id: "failing", sql: "select 1" })
      tracker.failed({ id: "failing", sql: "select 1" })
    }
    assert.match((await opaque(failing))!, /failed/)
    const own = async () => {
      await query("begin", "own")
      await query("select * from a", "own")
      await query("commit", "own")
    }
    assert.equal(await opaque(own), undefined)
  })

  it("names the tables whose changes nobody tells", async () => {
    const reading = await cached("k", () => query("select * from a, unknown"))
    assert.deepEqual([...reading.untold], ["unknown"])
  })

  it("knows whether a request wrote", async () => {
    const wrote = (sql: string) =>
      tracker.request(async (request) => {
        await query(sql)
        return request.wrote
      })
    assert.equal(await wrote("select * from a"), false)
    assert.equal(await wrote("  begin"), false)
    assert.equal(await wrote("update a set x = 1"), true)
    assert.equal(await wrote(`insert into "public"."a" (id) values (1)`), true)
    assert.equal(await wrote(`update "cart" set x = 1`), false, "nobody tells of it")
    assert.equal(await wrote("truncate cart"), true, "not understood")
    assert.equal(await wrote("with w as (delete from a returning id) select * from w"), true)
    assert.equal(await wrote("/* a */ insert into a values (1)"), true)
    assert.equal(await wrote(`update "blog-post" set x = 1`), true)
    assert.equal(await wrote("update a_view set x = 1"), true, "nobody knows what is under it")
    const known = tracker
    tracker = new Tracker(() => ({ ...catalog, isKnown: false, isTable: () => false, tables: new Map() }))
    assert.equal(await wrote("update a set x = 1"), false, "nobody would tell")
    tracker = known
  })

  it("takes a write for one to a table alone only when it is sure that it is to no other", () => {
    const moves = (sql: string) => {
      const repeats = new Repeats()
      tracker.request(() => tracker.noteChange(sql, {}), { repeats })
      return ["a", "b", "blog-post"].filter((table) => !repeats.moves.isUnmoved([table]))
    }
    for (const sql of [
      "insert into a (x, y) values (1, ';'), (2, 'it''s; so')",
      'insert into "public"."a" ("x") values (1) on conflict (x) do update set x = 2 returning x;',
      "insert into A values (1)",
      'update "a" as "a0" set "x" = 1 where "a0"."y" = \'update b; set\'',
      "UPDATE a SET x = (select max(x) from b)",
    ])
      assert.deepEqual(moves(sql), ["a"], sql)
    assert.deepEqual(moves(`update "blog-post" set x = 1`), ["blog-post"])
    for (const sql of [
      "update only b set x = 1",
      "update a_view set x = 1",
      "update a set x = 1; update b set x = 1",
      "update a set x = E'\\''; update b set x = '1'",
      "insert into a with m as (delete from b returning id) select id from m",
      "insert into a (x) select change()",
      "delete from a where x = 1",
      "merge into a using b on a.x = b.x when matched then delete",
    ])
      assert.deepEqual(moves(sql), ["a", "b", "blog-post"], sql)
  })
})
