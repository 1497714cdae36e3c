/** The feed on a real PostgreSQL: what it tells, what it notices that it missed, what it leaves behind. */
import assert from "node:assert/strict"
import { after, afterEach, before, describe, it } from "node:test"
import { Client } from "pg"
import {
  type Feed,
  install,
  type PostgresFeedOptions,
  postgresFeed,
  remove,
  tablesWithTriggers,
  wantedTables,
  withClient,
} from "../../src/feed"
import { type Chaos, chaos } from "../../src/testing"
import type { Change } from "../../src/tracking"
import { busy } from "../support/busy"
import { createDatabase, type Database } from "../support/database"
import { until } from "../support/until"

describe("the feed of PostgreSQL", () => {
  let database: Database
  let way: Chaos
  const open: Feed[] = []
  before(async () => {
    database = await createDatabase("pegasus_feed")
    way = await chaos(database.url)
    await database.client.query(`
      create table thing (id text primary key, handle text unique, owner_id text, title text, notes jsonb);
      create table sum_item (id int primary key);
      create table price_list (id text primary key, starts_at timestamptz, ends_at timestamptz);
      create table cart (id text primary key);
      create table event_log (id int, at timestamptz) partition by range (at);
      create table event_log_2026 partition of event_log for values from ('2026-01-01') to ('2027-01-01')`)
    await install(database.client)
  })
  afterEach(async () => {
    for (const feed of open.splice(0)) await feed.close()
  })
  after(async () => {
    way.close()
    await database.drop()
  })

  async function listen(options: Partial<PostgresFeedOptions> = {}) {
    const told: Change[] = []
    const states: (boolean | string)[] = []
    const feed = postgresFeed({
      connection: { connectionString: database.url },
      trustWindow: 400,
      onChanges: (changes) => told.push(...changes),
      onGap: () => states.push("gap"),
      onTrust: (trusted) => states.push(trusted),
      ...options,
    })
    open.push(feed)
    await until("it listens", () => feed.trusted(Date.now()))
    return { feed, told, states }
  }
  const run = (sql: string, values?: unknown[]) => database.client.query(sql, values)

  it("tells what was inserted, changed and deleted, with the columns and the keys before and after", async () => {
    const { feed, told } = await listen()
    await run("insert into thing values ('t1', 'h1', 'o1', 'one')")
    await run("update thing set title = 'two', owner_id = 'o2' where id = 't1'")
    await run("update thing set title = 'two' where id = 't1'")
    await run("delete from thing where id = 't1'")
    assert.ok(await feed.settled(2_000))
    const sorted = ({ columns, ...change }: Change) => ({
      ...change,
      columns: columns && [...columns].sort(),
    })
    assert.deepEqual(told.map(sorted), [
      {
        table: "thing",
        kind: "insert",
        columns: undefined,
        keys: { id: ["t1"], handle: ["h1"], owner_id: ["o1"] },
      },
      {
        table: "thing",
        kind: "update",
        columns: ["owner_id", "title"],
        keys: { id: ["t1"], handle: ["h1"], owner_id: ["o1", "o2"] },
      },
      {
        table: "thing",
        kind: "delete",
        columns: undefined,
        keys: { id: ["t1"], handle: ["h1"], owner_id: ["o2"] },
      },
    ])
  })

  it("tells nothing before the commit, and nothing of what was rolled back", async () => {
    const { feed, told } = await listen()
    await run("begin")
    await run("insert into thing values ('t2')")
    assert.ok(await feed.settled(2_000))
    assert.deepEqual(told, [])
    await run("rollback")
    await run("begin")
    await run("insert into thing values ('t2')")
    await run("commit")
    assert.ok(await feed.settled(2_000))
    assert.equal(told.length, 1)
    await run("delete from thing")
  })

  it("tells of a table as a whole when too much changed, or too much was to be told", async () => {
    const { feed, told } = await listen()
    await run("insert into thing select 'b' || n from generate_series(1, 51) n")
    await run("delete from thing")
    await run("insert into thing (id) values ($1)", ["x".repeat(2_000)])
    await run("insert into thing (id, owner_id) select n || $1, $1 from generate_series(1, 3) n", [
      "y".repeat(2_400),
    ])
    await run("truncate thing")
    assert.ok(await feed.settled(2_000))
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ["many", "many", "insert", "many", "many"],
    )
  })

  it("tells of partitions by the name of the whole, and not of what changes at every sale", async () => {
    const { feed, told } = await listen()
    await run("insert into event_log values (1, '2026-05-05')")
    await run("insert into event_log_2026 values (2, '2026-05-05')")
    await run("insert into cart values ('c')")
    assert.ok(await feed.settled(2_000))
    assert.deepEqual(new Set(told.map(({ table }) => table)), new Set(["event_log"]))
    assert.equal(feed.catalog.tables.has("cart"), false)
    assert.deepEqual(feed.untold, [])
  })

  it("gives up what was before, when its connection was lost", async () => {
    const { feed, told, states } = await listen()
    await run(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pegasus feed'",
    )
    await until("it noticed", () => !feed.trusted(Date.now()))
    await run("insert into thing values ('t3')")
    await until("it listens again", () => feed.trusted(Date.now()))
    assert.deepEqual(states, [true, false, "gap", true])
    await run("delete from thing")
    assert.ok(await feed.settled(2_000))
    assert.equal(told.at(-1)!.kind, "delete")
  })

  it("is not trusted while nothing proves that it hears, and hears all that was said meanwhile", async () => {
    const { feed, told, states } = await listen({ connection: { connectionString: way.url } })
    way.hang()
    await until("it noticed", () => !feed.trusted(Date.now()))
    await until("it said so", () => states.at(-1) === false)
    assert.equal(await feed.settled(50), false)
    await run("insert into thing values ('t4')")
    way.heal()
    await until("it hears again", () => feed.trusted(Date.now()))
    assert.equal(told.at(-1)?.kind, "insert")
    // A machine that stops for a moment may have lost trust before.
    assert.deepEqual(states.slice(-3), [true, false, true])
    await run("delete from thing")
  })

  it("takes for no silence what it was too busy to hear", async () => {
    const { feed, told, states } = await listen()
    await run("insert into thing values ('t5')")
    busy(2_100)
    assert.equal(feed.trusted(Date.now()), false)
    await until("it hears again", () => feed.trusted(Date.now()))
    assert.equal(told.at(-1)?.kind, "insert")
    assert.deepEqual(states, [true])
    await run("delete from thing")
  })

  it("connects anew when a connection says nothing for long", async () => {
    const { feed, states } = await listen({ connection: { connectionString: way.url }, trustWindow: 100 })
    way.hang()
    const { connections } = way
    await until("it connects anew", () => way.connections > connections)
    way.heal()
    await until("it hears again", () => feed.trusted(Date.now()))
    assert.deepEqual(states, [true, false, "gap", true])
  })

  it("starts without a database, and listens when there is one", async () => {
    way.cut()
    const states: boolean[] = []
    const feed = postgresFeed({
      connection: { connectionString: way.url },
      onChanges: () => undefined,
      onGap: () => assert.fail("there was nothing before"),
      onTrust: (trusted) => states.push(trusted),
    })
    open.push(feed)
    await until("it says so", () => states.length === 1)
    way.heal()
    await until("it listens", () => feed.trusted(Date.now()))
    assert.deepEqual(states, [false, true])
  })

  it("knows how long nothing begins or ends by the clock", async () => {
    const { feed } = await listen()
    assert.equal(await feed.quietFor(["price_list"], Date.now()), Number.POSITIVE_INFINITY)
    await run(
      "insert into price_list values ('a', now() + interval '1 hour', null), ('b', now() - interval '1 hour', now() + interval '10 minutes')",
    )
    assert.ok(await feed.settled(2_000))
    const left = await feed.quietFor(["price_list"], Date.now())
    assert.ok(left > 590_000 && left <= 600_000, `${left}`)
    await run("update price_list set starts_at = now() - interval '3 seconds' where id = 'b'")
    assert.ok(await feed.settled(2_000))
    assert.ok((await feed.quietFor(["price_list"], Date.now())) > 0, "long enough ago")
    assert.ok((await feed.quietFor(["price_list"], Date.now() - 4_000)) <= 0, "while it was read")
    assert.ok((await feed.quietFor(["price_list"], Date.now())) > 0, "and again for who began later")
    await run("delete from price_list where id = 'b'")
    assert.ok(await feed.settled(2_000))
    assert.ok((await feed.quietFor(["price_list"], Date.now())) > 3_000_000)
  })

  it("is made once, also by several at the same time, and leaves nothing when it is removed", async () => {
    const triggers = async () =>
      Number((await run("select count(*) from pg_trigger where not tgisinternal")).rows[0].count)
    assert.equal(await install(database.client), 0)
    const installed = await triggers()
    const { feed, states } = await listen()
    assert.ok((await remove(database.client)) > 0)
    assert.deepEqual(await tablesWithTriggers(database.client), [])
    assert.equal((await run("select from pg_proc where proname = 'pegasus_feed'")).rowCount, 0)
    await until(
      "it knows that nothing is told",
      () => feed.catalog.tables.size === 0 && feed.untold.length > 0,
    )
    const others = Array.from({ length: 3 }, () =>
      withClient({ connectionString: database.url }, undefined, install),
    )
    const counts = await Promise.all(others)
    assert.deepEqual(counts.filter((count) => count > 0).length, 1)
    assert.equal(await triggers(), installed)
    await until("it knows what is told again", () => feed.catalog.tables.size > 0)
    assert.ok(states.includes("gap"))
  })

  it("finds tables that came later, and those that changed", async () => {
    await run("create table later (id text primary key)")
    const missing = async () =>
      (await wantedTables(database.client))
        .filter(({ isInstalled }) => !isInstalled)
        .map(({ table }) => table)
    assert.deepEqual(await missing(), ["later"])
    await run("alter table thing add column parent_id text")
    assert.deepEqual(await missing(), ["later", "thing"])
    assert.equal(await install(database.client), 2)
    assert.deepEqual(await missing(), [])
  })

  it("knows the tables whose writes do more than write their rows", async () => {
    await run(`
      create table watched (id text primary key);
      create function look() returns trigger language plpgsql as 'begin return new; end';
      create trigger looks before insert on watched for each row execute function look();
      create table ruled (id text primary key);
      create rule also as on insert to ruled do also insert into thing values (new.id)`)
    const { catalog } = (await listen()).feed
    const isPlain = (table: string) => catalog.isTable(table) && !catalog.spreads(table)
    const tables = ["thing", "cart", "event_log", "watched", "ruled", "event_log_2026", "nothing"]
    assert.deepEqual(tables.filter(isPlain), ["thing", "cart", "event_log"])
    await run("drop table watched; drop function look; drop table ruled")
  })

  it("takes a change whose keys it does not know for a change of the whole table", async () => {
    const { feed, told } = await listen()
    const client = new Client({ connectionString: database.url })
    await client.connect()
    const say = (message: object) =>
      client.query("select pg_notify('pegasus_feed', $1)", [JSON.stringify(message)])
    await say({ s: "public", t: "thing", o: "u", c: ["title"], k: { id: ["t1"] } })
    await say({ s: "another", t: "thing", o: "i", k: {} })
    assert.ok(await feed.settled(2_000))
    assert.deepEqual(told, [{ table: "thing", kind: "many" }])
    await client.end()
  })
})
