/** Reads of modules that are made of rows at once, beside Medusa's services as they are, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { EntityLoader, OnInit } from "@medusajs/framework/mikro-orm/core"
import { MikroORM, PostgreSqlDriver } from "@medusajs/framework/mikro-orm/postgresql"
import {
  DALUtils,
  MedusaContextType,
  MedusaService,
  ModulesSdkUtils,
  model,
  toMikroORMEntity,
  toMikroOrmEntities,
} from "@medusajs/framework/utils"
import { beginWatching } from "../../src/medusa/moulds/watching"
import { PlainReads } from "../../src/medusa/plain-reads"
import { RepeatedFinds } from "../../src/medusa/repeated-finds"
import { pickOf, randomOf } from "../history/random"
import { createDatabase, type Database } from "../support/database"

/** A column of its own with the key. */
const byOwnKey = { mappedBy: undefined, foreignKey: true } as unknown as { foreignKey: true }

const Place = model.define("place", {
  id: model.id({ prefix: "place" }).primaryKey(),
  street: model.text().nullable(),
})
const Shop = model.define("shop", {
  id: model.id({ prefix: "shop" }).primaryKey(),
  name: model.text(),
  rate: model.float().nullable(),
  is_open: model.boolean().nullable(),
  kind: model.enum(["small", "large"]).nullable(),
  meta: model.json().nullable(),
  opened_at: model.dateTime().nullable(),
  home: model.hasOne(() => Place, byOwnKey).nullable(),
  depot: model.hasOne(() => Place, byOwnKey).nullable(),
  sales: model.hasMany(() => Sale, { mappedBy: "shop" }),
  labels: model.manyToMany(() => Label, { mappedBy: "shops", pivotTable: "shop_label" }),
})
const Sale = model.define("sale", {
  id: model.id({ prefix: "sale" }).primaryKey(),
  total: model.bigNumber(),
  tip: model.bigNumber().nullable(),
  shop: model.belongsTo(() => Shop, { mappedBy: "sales" }),
  notes: model.hasMany(() => Note, { mappedBy: "sale" }),
})
const Note = model.define("note", {
  id: model.id({ prefix: "note" }).primaryKey(),
  text: model.text(),
  sale: model.belongsTo(() => Sale, { mappedBy: "notes" }),
})
const Label = model.define("label", {
  id: model.id({ prefix: "label" }).primaryKey(),
  value: model.text(),
  shops: model.manyToMany(() => Shop, { mappedBy: "labels" }),
})
/** Of which something is computed when it is made. */
const Odd = model.define("odd", { id: model.id({ prefix: "odd" }).primaryKey(), count: model.number() })

const models = { Place, Shop, Sale, Note, Label, Odd }
const times =
  "created_at timestamptz default now(), updated_at timestamptz default now(), deleted_at timestamptz"
const schema = `
create table place (id text primary key, street text, ${times});
create table shop (id text primary key, name text, rate numeric, is_open boolean, kind text, meta jsonb, opened_at timestamptz, home_id text, depot_id text, ${times});
create table sale (id text primary key, total numeric, raw_total jsonb, tip numeric, raw_tip jsonb, shop_id text, ${times});
create table note (id text primary key, text text, sale_id text, ${times});
create table label (id text primary key, value text, ${times});
create table shop_label (shop_id text, label_id text, primary key (shop_id, label_id));
create table odd (id text primary key, count int, ${times});
`
const idOf = (kind: string, number: number) => `${kind}_${String(number).padStart(26, "0")}`

type Read = (...given: unknown[]) => Promise<unknown>
interface Module {
  service: Record<string, Read>
  /** How often an internal service was asked. */
  asked: number
  orm: MikroORM
}

describe("reads of modules", () => {
  let database: Database
  let plain: Module
  let stock: Module
  let reads: PlainReads
  let warnings: string[]
  const { find } = PostgreSqlDriver.prototype
  const { populateField } = EntityLoader.prototype as unknown as { populateField: unknown }
  const seed = Number(process.env.PLAIN_SEED ?? Math.floor(Math.random() * 1_000_000))

  const open = async (): Promise<Module> => {
    const orm = await MikroORM.init({
      entities: toMikroOrmEntities(Object.values(models)) as never,
      clientUrl: database.url,
      ignoreUndefinedInQuery: true,
    })
    const manager = orm.em
    const container: Record<string, unknown> = {
      baseRepository: new DALUtils.MikroOrmBaseRepository({ manager } as never),
    }
    const opened: Module = { service: {}, asked: 0, orm }
    for (const [name, of] of Object.entries(models)) {
      const own = name.charAt(0).toLowerCase() + name.slice(1)
      const Repository = DALUtils.mikroOrmBaseRepositoryFactory(of as never) as never as new (
        given: object,
      ) => object
      container[`${own}Repository`] = new Repository({ manager })
      const Internal = ModulesSdkUtils.MedusaInternalService(of as never) as never as new (
        given: object,
      ) => Record<string, Read>
      const internal = new Internal(container)
      for (const read of ["list", "retrieve"]) {
        const original = internal[read]!
        internal[read] = function (this: unknown, ...given) {
          opened.asked++
          return original.apply(this, given)
        }
      }
      container[`${own}Service`] = internal
    }
    class Service extends MedusaService(models) {}
    opened.service = new (Service as never as new (given: object) => Module["service"])(container)
    return opened
  }

  before(async () => {
    const odd = toMikroORMEntity(Odd).prototype as Record<string, unknown>
    odd.onInit_odd = function (this: { count: number }) {
      if (this.count > 2) this.count = 2
    }
    OnInit()(odd, "onInit_odd")
    database = await createDatabase("pegasus_plain")
    await database.client.query(schema)
    plain = await open()
    stock = await open()
    Object.assign(stock.orm.em.getDriver(), { find })
    const finds = new RepeatedFinds({ once: (_keyOf, make) => make() })
    assert.ok(finds.take() && beginWatching(finds))
    reads = new PlainReads(finds, (message) => warnings.push(message))
    reads.take("shops", plain.service as never)
  })
  after(async () => {
    PostgreSqlDriver.prototype.find = find
    Object.assign(EntityLoader.prototype, { populateField })
    await plain?.orm.close(true)
    await stock?.orm.close(true)
    await database?.drop()
  })
  beforeEach(async () => {
    warnings = []
    await database.client.query("truncate place, shop, sale, note, label, shop_label, odd")
  })

  const insert = (table: string, row: Record<string, unknown>) => {
    const names = Object.keys(row)
    const places = names.map((_, i) => `$${i + 1}`)
    return database.client.query(
      `insert into ${table} (${names.join()}) values (${places.join()}) on conflict do nothing`,
      Object.values(row),
    )
  }
  const shop = (number: number, more: object = {}) =>
    insert("shop", { id: idOf("shop", number), name: `Shop ${number}`, ...more })
  const sale = (number: number, shop: number, more: object = {}) =>
    insert("sale", {
      ...{ id: idOf("sale", number), shop_id: idOf("shop", shop), total: number },
      ...{ raw_total: { value: String(number), precision: 20 }, ...more },
    })

  /** What either gives, and how: names in their order, dates as dates. */
  const told = async ({ service }: Module, name: string, given: unknown[]) => {
    try {
      const answer = await service[name]!(...structuredClone(given))
      return { answer, text: JSON.stringify(answer) }
    } catch (error) {
      return { message: (error as Error).message }
    }
  }
  /** @returns whether it was made without objects in between */
  const isSame = async (name: string, ...given: unknown[]) => {
    const before = plain.asked
    const [made, asEver] = [await told(plain, name, given), await told(stock, name, given)]
    assert.deepEqual(made, asEver, `${name} ${JSON.stringify(given)}`)
    return plain.asked === before
  }
  /** Until it is made without. */
  const learned = async (name: string, ...given: unknown[]) => {
    for (let time = 0; time < 5; time++) if (await isSame(name, ...given)) return true
    return false
  }

  it(`are what they are as ever, of whatever is asked (seed ${seed})`, async () => {
    const random = randomOf(seed)
    const pick = pickOf(random)
    const maybe = (value: unknown) => (random() < 0.5 ? value : null)
    const number = (most: number) => Math.floor(random() * most)
    const some = (kind: string, most: number) => [
      ...new Set(Array.from({ length: 1 + number(3) }, () => idOf(kind, number(most)))),
    ]
    const exact = (value: unknown) => (value === null ? null : { value: String(value), precision: 20 })
    const changes = [
      () => insert("place", { id: idOf("place", number(6)), street: maybe(`Street ${number(9)}`) }),
      () =>
        shop(number(6), {
          ...{ rate: maybe(random()), is_open: maybe(random() < 0.5), kind: maybe("small") },
          ...{ meta: maybe({ a: [1, { b: null }] }), opened_at: maybe(new Date(number(1e12))) },
          ...{ home_id: maybe(idOf("place", number(7))), depot_id: maybe(idOf("place", number(7))) },
        }),
      () => {
        const [total, tip] = [pick(["0", "1.5", "10.00000000000000000001", "1e3"]), maybe(number(3))]
        return sale(number(12), number(6), { total, raw_total: exact(total), tip, raw_tip: exact(tip) })
      },
      () => insert("note", { id: idOf("note", number(12)), text: "n", sale_id: idOf("sale", number(12)) }),
      () => insert("label", { id: idOf("label", number(4)), value: `Label ${number(4)}` }),
      () => insert("shop_label", { shop_id: idOf("shop", number(6)), label_id: idOf("label", number(4)) }),
      () =>
        database.client.query(
          `update ${pick(["place", "shop", "sale", "note", "label"])} set deleted_at = now() where random() < 0.05`,
        ),
      () =>
        database.client.query(
          `delete from ${pick(["place", "shop", "sale", "note", "label", "shop_label"])} where random() < 0.2`,
        ),
      () => database.client.query("update shop set depot_id = home_id where random() < 0.2"),
    ]
    const relations = ["home", "depot", "sales", "sales.notes", "labels", "sales.shop"]
    const selects = [
      undefined,
      ["id", "name"],
      ["name", "rate", "meta", "home.street", "sales.total"],
      ["id", "home_id", "is_open", "kind", "opened_at", "labels.value"],
      ["id", "sales.tip", "sales.raw_total", "depot.id"],
    ]
    const asked: (() => [string, ...unknown[]])[] = [
      () => ["listShops", { id: some("shop", 7) }],
      () => ["listShops", { id: idOf("shop", number(7)) }, { order: { id: pick(["ASC", "DESC"]) } }],
      () => ["listShops", { sales: { id: some("sale", 12) } }],
      () => ["retrieveShop", idOf("shop", number(7))],
      () => ["listSales", { shop_id: some("shop", 7) }],
      () => [
        "listSales",
        { id: some("sale", 12) },
        { relations: pick([["shop"], ["notes", "shop.home"], []]) },
      ],
      () => [
        "listNotes",
        { sale: { shop_id: idOf("shop", number(7)) } },
        { relations: pick([["sale"], []]) },
      ],
      () => ["listShops", { opened_at: { $lt: new Date(number(1e12)) } }, { take: 2, skip: 1 }],
      () => ["listPlaces", {}, { withDeleted: random() < 0.5 }],
    ]
    let made = 0
    const rounds = 900
    for (let round = 0; round < rounds; round++) {
      if (round % 4 === 0) for (let time = 0; time < 4; time++) await pick(changes)()
      const [name, filters, config] = pick(asked)()
      const isOfShops = name.endsWith("Shops") || name.endsWith("Shop")
      const own = isOfShops && random() < 0.8
      const shape = own && {
        ...{ select: pick(selects), relations: relations.filter(() => random() < 0.3) },
        ...(random() < 0.3 && { options: { strategy: pick(["select-in", "joined"]) } }),
      }
      if (await isSame(name, filters, { ...(config as object), ...shape })) made++
    }
    assert.ok(made > rounds / 4, `${made} of ${rounds}`)
    assert.deepEqual(warnings, [])
  })

  it("are made anew by the service when there is something of which nothing was known", async () => {
    await shop(1)
    const asked = [
      "listShops",
      { id: idOf("shop", 1) },
      { relations: ["sales", "sales.notes", "home"] },
    ] as const
    assert.ok(await learned(...asked))
    await sale(1, 1)
    assert.equal(await isSame(...asked), false, "a sale")
    assert.ok(await learned(...asked))
    await insert("note", { id: idOf("note", 1), text: "n", sale_id: idOf("sale", 1) })
    assert.equal(await isSame(...asked), false, "a note")
    await insert("place", { id: idOf("place", 1), street: "s" })
    await database.client.query("update shop set home_id = $1", [idOf("place", 1)])
    assert.equal(await isSame(...asked), false, "a place")
    assert.ok(await learned(...asked))
  })

  it("do not miss a field that was left out as long as it was nothing", async () => {
    await shop(1)
    await sale(1, 1, { total: null, raw_total: null })
    const asked = ["listSales", { id: idOf("sale", 1) }] as const
    assert.ok(await learned(...asked))
    await database.client.query("update sale set total = 5")
    assert.equal(await isSame(...asked), false)
  })

  it("have their fields in the order of the service, whichever are left out", async () => {
    await insert("place", { id: idOf("place", 1), street: "s" })
    await insert("place", { id: idOf("place", 2), street: "t" })
    await shop(1, { depot_id: idOf("place", 2) })
    const asked = ["listShops", { id: idOf("shop", 1) }] as const
    assert.ok(await learned(...asked))
    await database.client.query("update shop set home_id = $1, depot_id = null", [idOf("place", 1)])
    assert.ok(await learned(...asked))
    await database.client.query("update shop set depot_id = $1", [idOf("place", 2)])
    assert.equal(await isSame(...asked), false)
    assert.ok(await learned(...asked))
  })

  it("are foretold twice before they are made", async () => {
    await shop(1)
    const made = []
    for (let time = 0; time < 5; time++)
      made.push(await isSame("listShops", { id: idOf("shop", 1) }, { take: 7 }))
    assert.deepEqual(made, [false, false, false, false, true])
  })

  it("are the service's where something is shown by its key that may be loaded elsewhere", async () => {
    await insert("place", { id: idOf("place", 1), street: "s" })
    await insert("place", { id: idOf("place", 2), street: "t" })
    await shop(1, { home_id: idOf("place", 1), depot_id: idOf("place", 2) })
    const asked = ["listShops", { id: idOf("shop", 1) }, { relations: ["home"] }] as const
    assert.equal(await learned(...asked), false)
    await database.client.query("update shop set home_id = null")
    assert.ok(await learned(...asked), "nothing is loaded")
    await database.client.query("update shop set home_id = depot_id, depot_id = null")
    assert.equal(await learned(...asked), false)
    await database.client.query("update shop set depot_id = home_id")
    assert.equal(await isSame(...asked), false)
  })

  it("do not miss a relation that was left out as long as there was none", async () => {
    await insert("place", { id: idOf("place", 1), street: "s" })
    await shop(1)
    const config = { select: ["id", "home.street"], relations: ["home"] }
    const asked = ["listShops", { id: idOf("shop", 1) }, config] as const
    assert.ok(await learned(...asked))
    await database.client.query("update shop set home_id = $1", [idOf("place", 1)])
    assert.equal(await isSame(...asked), false)
  })

  it("are the service's where what a key names is not there any more", async () => {
    await insert("place", { id: idOf("place", 1), street: "s" })
    await shop(1, { home_id: idOf("place", 1) })
    const config = { select: ["id", "home.street"], relations: ["home"], options: { strategy: "select-in" } }
    const asked = ["listShops", { id: idOf("shop", 1) }, config] as const
    assert.ok(await learned(...asked))
    await database.client.query("update shop set home_id = null")
    assert.ok(await learned(...asked))
    await database.client.query("update shop set home_id = $1", [idOf("place", 1)])
    await database.client.query("update place set deleted_at = now()")
    assert.equal(await isSame(...asked), false)
  })

  it("are the service's where one row is at two places of which fewer fields are read at one", async () => {
    await insert("place", { id: idOf("place", 1), street: "s" })
    await insert("place", { id: idOf("place", 2), street: "t" })
    await shop(1, { home_id: idOf("place", 1), depot_id: idOf("place", 2) })
    const config = { select: ["id", "home.street", "depot.id"], relations: ["home", "depot"] }
    const asked = ["listShops", { id: idOf("shop", 1) }, config] as const
    assert.ok(await learned(...asked))
    await database.client.query("update shop set depot_id = home_id")
    assert.equal(await isSame(...asked), false)
  })

  it("are the service's where something is computed when an object is made", async () => {
    await insert("odd", { id: idOf("odd", 1), count: 1 })
    const asked = ["listOdds", { id: idOf("odd", 1) }] as const
    assert.equal(await learned(...asked), false)
    await database.client.query("update odd set count = 5")
    assert.equal(await isSame(...asked), false)
  })

  it("are the service's in a transaction, and with a manager that has objects", async () => {
    await shop(1)
    const filters = { id: idOf("shop", 1) }
    assert.ok(await learned("listShops", filters, {}))
    const before = plain.asked
    const list = (context: object) =>
      plain.service.listShops!(filters, {}, { __type: MedusaContextType, ...context })
    await plain.orm.em.fork().transactional(async (transactionManager) => {
      await transactionManager.getKnex().raw("select 1")
      await list({ manager: transactionManager })
      await list({ transactionManager })
    })
    const manager = plain.orm.em.fork()
    await manager.find("Shop" as never, {})
    await list({ manager })
    assert.equal(plain.asked, before + 3)
    await list({ manager: plain.orm.em.fork() })
    assert.equal(plain.asked, before + 3, "but not with a fresh one")
  })

  it("are the service's where what is looked for was not asked for", async () => {
    await shop(1, { name: "a" })
    await shop(2, { name: "b" })
    let name = "a"
    for (const { service } of [plain, stock]) {
      const { shopService } = (service as never as { __container__: Record<string, Record<string, Read>> })
        .__container__
      const list = shopService!.list!
      shopService!.list = function (this: unknown, filters, ...rest) {
        const own =
          (filters as { kind?: unknown }).kind === "small" ? { ...(filters as object), name } : filters
        return list.call(this, own, ...rest)
      }
    }
    await database.client.query("update shop set kind = 'small'")
    assert.equal(await learned("listShops", { kind: "small" }), false)
    name = "b"
    assert.equal(await isSame("listShops", { kind: "small" }), false)
  })

  it("are the service's where it sometimes asks for more", async () => {
    await shop(1)
    let time = 0
    const { shopService } = (
      plain.service as never as { __container__: Record<string, Record<string, Read>> }
    ).__container__
    const list = shopService!.list!
    shopService!.list = async function (this: unknown, ...given) {
      const found = await list.apply(this, given)
      if (time++ % 2 === 0) await plain.orm.em.fork().find("Label" as never, {})
      return found
    }
    try {
      assert.equal(await learned("listShops", { id: idOf("shop", 1) }, { take: 9 }), false)
    } finally {
      shopService!.list = list
    }
  })

  it("fail as ever", async () => {
    await shop(1)
    assert.ok(await learned("retrieveShop", idOf("shop", 1)))
    assert.equal(await isSame("retrieveShop", idOf("shop", 2)), false, "it is not there")
    await database.client.query("alter table shop rename to other")
    try {
      assert.equal(await isSame("retrieveShop", idOf("shop", 1)), false, "there is no table")
    } finally {
      await database.client.query("alter table other rename to shop")
    }
  })

  it("are held against the service's now and then, and left to it once they differ", async () => {
    await shop(1)
    const filters = { id: idOf("shop", 1), name: "Shop 1" }
    assert.ok(await learned("listShops", filters))
    const { baseRepository_ } = plain.service as never as {
      baseRepository_: { serialize(given: unknown): Promise<unknown> }
    }
    const { serialize } = baseRepository_
    baseRepository_.serialize = async (given) =>
      ((await serialize.call(baseRepository_, given)) as object[]).map((one) => ({ ...one, more: 1 }))
    try {
      const before = plain.asked
      for (let time = 0; time < 600; time++) await plain.service.listShops!(filters)
      assert.match(warnings.join(), /shops\.listShops did not give what was expected/)
      assert.ok(plain.asked > before + 50, "made as ever from then on")
    } finally {
      baseRepository_.serialize = serialize
    }
  })
})
