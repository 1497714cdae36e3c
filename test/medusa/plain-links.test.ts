/** Links that are written without MikroORM, beside Medusa's own services of links, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { EntityManager } from "@medusajs/framework/mikro-orm/core"
import { MikroORM } from "@medusajs/framework/mikro-orm/postgresql"
import { MikroOrmBaseRepository, Modules } from "@medusajs/framework/utils"
import knex, { type Knex } from "knex"
import { foldTransactions } from "../../src/medusa/folded-transactions"
import type { Database as Connection } from "../../src/medusa/freshness"
import { isAsRead, PlainLinks, writeAlone } from "../../src/medusa/plain-links"
import { PreparedStatements } from "../../src/medusa/prepared-statements"
import { spareRepeats } from "../../src/medusa/repeated-statements"
import { makeAtOnce } from "../../src/medusa/single-writes"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"

const { LinkService, getModuleService } = require("@medusajs/link-modules/dist/services")
const { getLinkRepository } = require("@medusajs/link-modules/dist/repositories")
const { generateEntity } = require("@medusajs/link-modules/dist/utils")

const thing = { serviceName: "thing", foreignKey: "thing_id" }
const other = { serviceName: "other", foreignKey: "other_id" }

interface Link {
  create(...given: unknown[]): Promise<Record<string, unknown>[]>
  linkService_: { linkRepository_: { joinerConfig_: { databaseConfig: { idPrefix: string } } } }
}

describe("a link", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  const orms = new Map<string, MikroORM>()
  let stock: Link
  let plain: Link
  let isAsEver = false
  /** How often MikroORM was told of one. */
  let made = 0
  const warnings: string[] = []
  const events: unknown[][] = []

  /** As Medusa makes one. */
  function linkOf(table: string): Link {
    const joinerConfig = {
      isLink: true,
      serviceName: table,
      databaseConfig: { tableName: table, idPrefix: "thoth" },
      relationships: [thing, other],
    }
    const { em: manager } = orms.get(table)!
    const linkRepository = new (getLinkRepository(entities.get(table)))({ manager, joinerConfig })
    const service = new (getModuleService(joinerConfig))({
      baseRepository: new MikroOrmBaseRepository({ manager }),
      linkService: new LinkService({ linkRepository }),
      primaryKey: ["thing_id"],
      foreignKey: "other_id",
      extraFields: [],
      entityName: "LinkThing",
      serviceName: "thing",
      [Modules.EVENT_BUS]: { emit: async (...given: unknown[]) => void events.push(given) },
    })
    return Object.assign(service, { __joinerConfig: joinerConfig })
  }
  const entities = new Map<string, unknown>()

  before(async () => {
    database = await createDatabase("pegasus_plain_links")
    for (const table of ["stock_link", "plain_link"]) {
      await database.client.query(`
        create table ${table} (id text not null, thing_id text, other_id text check (other_id <> 'never'),
          created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
          deleted_at timestamptz, primary key (thing_id, other_id))`)
      entities.set(table, generateEntity({ databaseConfig: { tableName: table } }, thing, other))
    }
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
    told = await toldCache(shared)
    const { freshness } = told
    const prepared = new PreparedStatements(assert.fail)
    const locking = {
      acquire: async () => undefined,
      execute: async (_: unknown, job: () => unknown) => job(),
    }
    const connection = shared as unknown as Connection
    const knowledge = {
      reads: (sql: string) => freshness.reads(sql),
      known: () => undefined,
      mayJoin: () => true,
      prepared,
    }
    assert.ok(foldTransactions(connection, knowledge))
    assert.ok(spareRepeats(connection, locking, freshness, prepared))
    for (const [table, entity] of entities) {
      const options = { clientUrl: database.url, driverOptions: shared, ignoreUndefinedInQuery: true }
      orms.set(table, await MikroORM.init({ entities: [entity] as never, ...options }))
    }
    stock = linkOf("stock_link")
    const { prototype } = EntityManager
    const { create } = prototype
    prototype.create = function (...given: never) {
      made++
      return create.apply(this, given) as never
    }
  })
  after(async () => {
    for (const orm of orms.values()) await orm.close(true)
    await told?.close()
    await shared?.destroy()
    await database?.drop()
  })
  beforeEach(async () => {
    await database.client.query("truncate stock_link, plain_link")
    plain = linkOf("plain_link")
    makeAtOnce(plain as never)
    assert.ok(isAsRead(plain as never))
    new PlainLinks(plain as never, {
      write: writeAlone(shared as unknown as Connection, told.freshness)!,
      isAsEver: () => isAsEver,
      warn: (message) => void warnings.push(message),
    }).take()
    for (let n = 0; n < 3; n++) await plain.create([[`thing_${n}`, "o"]])
    made = 0
    events.length = 0
  })

  /** With the ids and times of each taken for the same. */
  const alike = (rows: Record<string, unknown>[]) =>
    rows.map((row) =>
      Object.entries(row).map(([name, value]) => {
        if (value instanceof Date) return [name, Math.abs(value.getTime() - Date.now()) < 60_000]
        return [name, name === "id" ? /^thoth_[0-9A-Z]{26}$/.test(String(value)) : value]
      }),
    )
  const rowsOf = async (table: string) =>
    (await database.client.query(`select * from ${table} where thing_id like 'a%' order by 2, 3`)).rows

  /** Makes the same twice: as Medusa does, and plainly. */
  async function both(...given: unknown[]) {
    const answers = [await stock.create(...given)]
    made = 0
    answers.push(await plain.create(...given))
    return answers.map(alike)
  }

  it("is what MikroORM would have made of it, and is told of", async () => {
    const [expected, given] = await both([["a", "b"]])
    assert.deepEqual(given, expected)
    assert.equal(made, 0)
    assert.deepEqual(alike(await rowsOf("plain_link")), alike(await rowsOf("stock_link")))
    const [one, another] = events
    const told = (event: unknown) =>
      JSON.stringify(event).replaceAll(/thoth_[0-9A-Z]{26}/g, "an id of its own")
    assert.equal(told(another), told(one))
    assert.match(told(another), /an id of its own/)
    assert.equal(events.length, 2)
  })

  it("that was there is there again", async () => {
    await both([["a", "b"]])
    for (const table of ["stock_link", "plain_link"])
      await database.client.query(`update ${table} set deleted_at = now()`)
    const [expected, given] = await both([["a", "b"]])
    assert.deepEqual(given, expected)
    const rows = await rowsOf("plain_link")
    assert.deepEqual([rows.length, rows[0].deleted_at], [1, null])
  })

  it("is refused in Medusa's words", async () => {
    const refusal = async (link: Link) => {
      const error = await link.create([["a", "never"]]).then(
        () => assert.fail("it was made"),
        (error: Error & { type?: string }) => error,
      )
      return `${error.name} ${error.type} ${error.message}`.replaceAll(
        /thoth_\w+|stock|plain|\d{4}-[-\d]+ [\d:.+]+/g,
        "*",
      )
    }
    assert.equal(await refusal(plain), await refusal(stock))
    assert.deepEqual(await rowsOf("plain_link"), [])
    await plain.create([["a", "b"]])
    assert.equal((await rowsOf("plain_link")).length, 1)
  })

  it("is made as ever when it is of somebody's transaction, of several, or more than two plain ids", async () => {
    const [expected, given] = await both([["a", "it'||'s"]])
    assert.deepEqual(given, expected)
    const counts = [made]
    const count = async (make: () => Promise<unknown>) => {
      made = 0
      await make()
      counts.push(made)
    }
    await count(() => plain.create("a", "c"))
    await count(() =>
      plain.create([
        ["a", "d"],
        ["a", "e"],
      ]),
    )
    await count(() => plain.create([["a", "g", { deleted_at: null }]]))
    await count(() =>
      orms
        .get("plain_link")!
        .em.transactional((transactionManager) =>
          plain.create([["a", "f"]], undefined, undefined, { transactionManager }),
        ),
    )
    const manager = orms.get("plain_link")!.em.fork()
    await count(() => plain.create([["a", "i"]], undefined, undefined, { manager }))
    isAsEver = true
    await count(() => plain.create([["a", "h"]]))
    isAsEver = false
    assert.deepEqual(counts, [1, 1, 2, 1, 1, 1, 1])
    assert.equal((await rowsOf("plain_link")).length, 8)
  })

  it("is a write of its request, which sees it from then on", async () => {
    const count = async () => (await shared.raw("select * from plain_link where thing_id = 'a'")).rows.length
    const counts = await told.freshness.request(true, async () => {
      const before = await count()
      await plain.create([["a", "b"]])
      return [before, await count(), told.freshness.wrote]
    })
    assert.deepEqual([counts, made], [[0, 1, true], 0])
  })

  it("is made as ever for good, with one warning, once one is not as it was foretold", async () => {
    plain.linkService_.linkRepository_.joinerConfig_.databaseConfig.idPrefix = "changed"
    for (let n = 0; n < 502; n++) await plain.create([["a", `b${n}`]])
    assert.deepEqual([warnings.length, made], [1, 3])
    assert.match(warnings[0]!, /plain_link/)
    assert.match(
      String((await rowsOf("plain_link")).find(({ other_id }) => other_id === "b501").id),
      /^changed_/,
    )
  })
})
