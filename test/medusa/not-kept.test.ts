/** What shows stock is loaded each time; nobody looks for it, or waits for who loads it. As Medusa's `useCache` drives the module, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { setImmediate } from "node:timers/promises"
import { FeatureFlag, useCache } from "@medusajs/framework/utils"
import knex, { type Knex } from "knex"
import { CachingModuleService } from "../../src/medusa/caching-module"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"

const schema = `
create table inventory_level (id text primary key, stocked int);
create table product (id text primary key);`
const log = () => undefined

describe("what is loaded and not kept", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let module: CachingModuleService
  let loads = 0

  before(async () => {
    FeatureFlag.setFlag("caching", true)
    database = await createDatabase("pegasus_not_kept")
    await database.client.query(schema)
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
    told = await toldCache(shared)
    const dependencies = {
      logger: { info: log, warn: log, error: log },
      event_bus: { addInterceptor: log },
      pegasusEnvironment: "test",
    }
    module = new CachingModuleService(dependencies as never, {
      pegasus: { feed: { source: "events" } },
      providerIds: ["pegasus"],
    })
    await module.__hooks.onApplicationStart()
    Object.assign(module, { freshness: told.freshness })
  })
  after(async () => {
    FeatureFlag.setFlag("caching", false)
    await module?.__hooks.onApplicationShutdown()
    await told?.close()
    await shared?.destroy()
    await database?.drop()
  })

  const cached = (table: string, options: object = {}, until: Promise<unknown> = Promise.resolve()) => {
    const load = async () => {
      loads++
      const { rows } = await shared.raw(`select * from ${table}`)
      await until
      return [{ rows }]
    }
    const container = { resolve: (name: string) => (name === "caching" ? module : console) }
    // biome-ignore lint/correctness/useHookAtTopLevel: no hook of React
    return useCache(load, { container: container as never, key: table, enable: true, ...options })
  }
  /** How many loads begin of three who ask at once, before the first has ended. */
  const begun = async (table: string, options: object = {}) => {
    loads = 0
    let open: (value?: unknown) => void = () => undefined
    const until = new Promise((resolve) => {
      open = resolve
    })
    const answers = [1, 2, 3].map(() => cached(table, options, until))
    for (let turn = 0; turn < 20; turn++) await setImmediate()
    const count = loads
    open()
    await Promise.all(answers)
    await setImmediate()
    return count
  }
  const settled = async () => {
    for (let turn = 0; turn < 20; turn++) await setImmediate()
  }

  it("nobody waits for: it would be loaded again anyway", async () => {
    assert.equal(await begun("inventory_level"), 1, "nobody knows yet")
    await settled()
    assert.equal(await begun("inventory_level"), 3)
  })

  it("is looked for again once somebody has it kept", async () => {
    const kept = { autoInvalidate: false, tags: ["stock"] }
    for (const options of [{}, kept, kept]) {
      await cached("inventory_level", options)
      await settled()
    }
    loads = 0
    await cached("inventory_level")
    assert.equal(loads, 0)
  })

  it("is what is asked for by no ids at all: that asks nobody", async () => {
    const by = (...id: string[]) => ({ key: { queryOptions: { entity: "product", filters: { id } } } })
    assert.equal(await begun("product where id = 'none'", by()), 3)
    assert.equal(await begun("product where id = 'none'", by("a")), 1)
  })

  it("is not what can be kept, nor what could not be this time", async () => {
    assert.equal(await begun("product where now() > '2026-01-01'"), 1)
    await settled()
    assert.equal(await begun("product where now() > '2026-01-01'"), 1)
    assert.equal(await begun("product"), 1)
    await settled()
    loads = 0
    await cached("product")
    assert.equal(loads, 0)
  })
})
