/** Statements that are put together once, beside MikroORM as it is, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { MikroORM, PostgreSqlDriver } from "@medusajs/framework/mikro-orm/postgresql"
import { model, toMikroOrmEntities } from "@medusajs/framework/utils"
import { RepeatedFinds } from "../../src/medusa/repeated-finds"
import { type Driver, WordedFinds } from "../../src/medusa/worded-finds"
import { pickOf, randomOf } from "../history/random"
import { createDatabase, type Database } from "../support/database"

const Shop = model.define("shop", {
  id: model.id({ prefix: "shop" }).primaryKey(),
  name: model.text(),
  sales: model.hasMany(() => Sale, { mappedBy: "shop" }),
})
const Sale = model.define("sale", {
  id: model.id({ prefix: "sale" }).primaryKey(),
  name: model.text(),
  total: model.bigNumber(),
  paid_at: model.dateTime().nullable(),
  shop: model.belongsTo(() => Shop, { mappedBy: "sales" }),
  labels: model.manyToMany(() => Label, { mappedBy: "sales", pivotTable: "sale_label" }),
})
const Label = model.define("label", {
  id: model.id({ prefix: "label" }).primaryKey(),
  name: model.text(),
  sales: model.manyToMany(() => Sale, { mappedBy: "labels" }),
})

const times =
  "created_at timestamptz default now(), updated_at timestamptz default now(), deleted_at timestamptz"
const schema = `
create table shop (id text primary key, name text, ${times});
create table sale (id text primary key, name text, total numeric, raw_total jsonb, paid_at timestamptz, shop_id text references shop (id), ${times});
create table label (id text primary key, name text, ${times});
create table sale_label (sale_id text references sale (id), label_id text references label (id), primary key (sale_id, label_id));
`
const idOf = (kind: string, number: number) => `${kind}_${String(number).padStart(26, "0")}`

describe("what is found", () => {
  let database: Database
  let worded: MikroORM
  let stock: MikroORM
  /** What either was asked. */
  const statements = new Map<MikroORM, string[]>()
  const seed = Number(process.env.WORDED_SEED ?? Math.floor(Math.random() * 1_000_000))
  const find = PostgreSqlDriver.prototype.find

  const open = async () => {
    const orm = await MikroORM.init({
      entities: toMikroOrmEntities([Shop, Sale, Label]) as never,
      clientUrl: database.url,
      ignoreUndefinedInQuery: true,
    })
    statements.set(orm, [])
    orm.em
      .getConnection()
      .getKnex()
      .on("query", ({ sql }: { sql: string }) => statements.get(orm)!.push(sql))
    return orm
  }

  before(async () => {
    database = await createDatabase("pegasus_worded")
    await database.client.query(schema)
    for (let n = 0; n < 4; n++) {
      await database.client.query("insert into shop values ($1, $2)", [idOf("shop", n), `Shop ${n}`])
      await database.client.query("insert into label values ($1, $2)", [idOf("label", n), `Label ${n}`])
    }
    for (let n = 0; n < 12; n++) {
      await database.client.query(
        `insert into sale values ($1, $2, $3::numeric, jsonb_build_object('value', $3::numeric::text, 'precision', 20), now(), $4, now(), now(), ${n === 7 ? "now()" : "null"})`,
        [idOf("sale", n), `Sale ${n % 3}`, n, idOf("shop", n % 4)],
      )
      await database.client.query("insert into sale_label values ($1, $2), ($1, $3)", [
        ...[idOf("sale", n), idOf("label", n % 4), idOf("label", (n + 1) % 4)],
      ])
    }
    worded = await open()
    stock = await open()
    Object.assign(stock.em.getDriver(), { find })
    assert.ok(new RepeatedFinds({ once: (_keyOf, make) => make() }).take())
  })
  after(async () => {
    PostgreSqlDriver.prototype.find = find
    await worded?.close(true)
    await stock?.close(true)
    await database?.drop()
  })

  /** What one gives and asks. */
  async function told(orm: MikroORM, [entity, where, options]: [string, object, object]) {
    statements.set(orm, [])
    const found = await orm.em
      .fork()
      .find(entity as never, where as never, structuredClone(options) as never)
      .then((entities) => JSON.parse(JSON.stringify(entities)))
    return { found, asked: statements.get(orm)! }
  }

  it(`is what it is as ever, of whatever is asked (seed ${seed})`, async () => {
    const random = randomOf(seed)
    const pick = pickOf(random)
    const some = (kind: string, most: number) => [
      ...new Set(
        Array.from({ length: 1 + Math.floor(random() * 3) }, () => idOf(kind, Math.floor(random() * most))),
      ),
    ]
    const one = (kind: string, most: number) => idOf(kind, Math.floor(random() * most))
    const wheres: Record<string, (() => object)[]> = {
      Shop: [
        () => ({ id: one("shop", 5) }),
        () => ({ id: { $in: some("shop", 4) }, sales: { name: pick(["Sale 1", "Sale 2"]) } }),
        () => ({ sales: { id: some("sale", 12) } }),
        () => ({ sales: { labels: { id: one("label", 4) } } }),
      ],
      Sale: [
        () => ({ id: some("sale", 12) }),
        () => ({ shop_id: one("shop", 4), id: { $nin: some("sale", 12) } }),
        () => ({ $or: [{ id: one("sale", 12) }, { shop: { id: one("shop", 4) } }] }),
        () => ({ shop: one("shop", 4), total: { $gt: pick([1, 5]) } }),
        () => ({ labels: { id: some("label", 4) }, paid_at: { $lt: new Date(pick([0, 1, 9e12])) } }),
        () => ({ id: one("sale", 12), name: { $like: `%${one("sale", 2)}%` } }),
      ],
    }
    const populates: Record<string, string[][]> = {
      Shop: [[], ["sales"], ["sales.labels"]],
      Sale: [[], ["shop"], ["labels", "shop"]],
    }
    for (let round = 0; round < 250; round++) {
      const entity = pick(["Shop", "Sale"])
      const options = {
        populate: pick(populates[entity]!),
        strategy: pick(["joined", "select-in"]),
        orderBy: { id: pick(["asc", "desc"]) },
        filters: { softDeletable: pick([{}, { withDeleted: true }]) },
        ...(random() < 0.3 && { limit: pick([1, 2]), offset: pick([0, 1]) }),
      }
      const asked: [string, object, object] = [entity, pick(wheres[entity]!)(), options]
      assert.deepEqual(await told(worded, asked), await told(stock, asked), JSON.stringify(asked))
    }
  })

  /** How often a statement is put together while something is found, once for each of these numbers. */
  async function puttingTogether(
    numbers: number[],
    where: (number: number) => object,
    entity = "Sale",
    options = {},
  ): Promise<number> {
    const driver = worded.em.getDriver() as unknown as { createQueryBuilder(...given: unknown[]): object }
    const create = driver.createQueryBuilder
    let count = 0
    driver.createQueryBuilder = function (...given) {
      const builder = create.apply(this, given) as { where(...given: unknown[]): unknown }
      const { where } = builder
      builder.where = (...given) => {
        count++
        return where.apply(builder, given)
      }
      return builder
    }
    for (const number of numbers) {
      const asked: [string, object, object] = [entity, where(number), options]
      assert.deepEqual(await told(worded, asked), await told(stock, asked))
    }
    driver.createQueryBuilder = create
    return count
  }

  it("is put into words no more once two were alike but for ids", async () => {
    const knex = worded.em.getConnection().getKnex()
    // The first is not looked at, and the builder of the others is asked for nothing.
    const byId = (number: number) => ({ id: idOf("sale", number), name: { $ne: "" } })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], byId), 3)
    const again = (number: number) => ({ id: idOf("sale", number), name: { $nin: ["", "none"] } })
    assert.equal(await puttingTogether([1, 1, 1, 1, 2, 1, 3], again), 4, "the same again proves but itself")
    const keyed = (number: number) => {
      const key = String(number > 3)
        .toUpperCase()
        .padStart(26, "0")
      return { id: idOf("sale", number), raw_total: { [key]: 1 } }
    }
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], keyed), 5, "what is in the words is no value")
    const twice = (number: number) => ({
      $or: [{ id: idOf("sale", number) }, { shop_id: idOf("sale", number) }],
    })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], twice), 3)
    const within = (number: number) => ({ name: { $like: `%${idOf("sale", number)}` }, total: { $gt: 0 } })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], within), 5, "an id within a text is a text")
    const late = (number: number) => ({
      paid_at: { $lt: new Date(number) },
      name: { $ne: `\u0002${number}` },
    })
    assert.equal(await puttingTogether([1, 2, 3], late), 3, "what looks like a time is a text")
    const later = (number: number) => ({ paid_at: { $lt: new Date(number) }, shop_id: { $ne: null } })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], later), 3)
    const raw = (number: number) => ({
      id: idOf("sale", number),
      name: knex.raw(`concat('Sale', ' ${number % 2}')`),
    })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5, 6, 7, 8], raw), 6, "fragments of statements are, too")
    const bound = (number: number) => ({ id: idOf("sale", number), name: knex.raw("?", [`Sale ${number}`]) })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], bound), 5)
    const none = (number: number) => ({ $or: [{ id: idOf("sale", number) }, { name: { $in: [] } }] })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], none), 3)
    const named = (number: number) => ({ name: `Sale ${number}` })
    assert.equal(await puttingTogether([1, 2, 1, 2, 1, 2, 1, 2], named), 6, "texts are part of the shape")
  })

  it("is put into words anew when something is in it that was not asked for", async () => {
    let day = 0
    for (const orm of [worded, stock]) {
      const cond = () => ({ name: { $ne: `Day ${day}` } })
      const filter = { name: "clock", cond, default: true, args: false }
      Object.assign(orm.getMetadata().get("Sale").filters, { clock: filter })
    }
    const ofShop = (number: number) => {
      day = number > 3 ? 1 : 0
      return { id: idOf("shop", number), sales: { name: { $like: "Sale%" } } }
    }
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], ofShop, "Shop"), 5)
    for (const orm of [worded, stock]) {
      const { clock } = orm.getMetadata().get("Sale").filters as unknown as { clock: { default: boolean } }
      clock.default = false
    }
    const options = { filters: { clock: true } }
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], ofShop, "Shop", options), 5, "by its name, too")
    for (const orm of [worded, stock]) {
      const cond = () => (day === 0 ? {} : { name: { $ne: null } })
      const filter = { name: "mood", cond, default: true, args: false }
      Object.assign(orm.getMetadata().get("Sale").filters, { mood: filter })
    }
    const ofMood = (number: number) => ({ ...ofShop(number), sales: { name: { $like: "%1" } } })
    assert.equal(await puttingTogether([1, 2, 3, 4, 5], ofMood, "Shop"), 5, "also when it binds nothing")
  })

  it("is put into words anew when a second was not as the first", async () => {
    const builder = (): Record<string, unknown> => ({
      ...{ _mainAlias: 0, _aliases: 0, _joins: 0, _populate: 0, finalized: true, autoJoinedPaths: [] },
      execute(this: { _query: { params: unknown } }) {
        return this._query.params
      },
    })
    const driver = { createQueryBuilder: builder, rethrow: (answer: unknown) => answer } as unknown as Driver
    const finds = new WordedFinds(async function (this: Driver, _entity, where) {
      const bindings = [...(where as string[])].sort()
      this.createQueryBuilder()._query = { _sql: { sql: "", bindings } }
      return bindings
    })
    for (const where of [
      [1, 2],
      [1, 2],
      [4, 3],
      [5, 6],
    ].map((all) => all.map((one) => idOf("shop", one)))) {
      const found = await finds.ask(driver, {
        ...{ entity: "Shop", text: JSON.stringify(where) },
        whole: () => ({ where, options: {} }),
      })
      assert.deepEqual(found, [...where].sort())
    }
  })
})
