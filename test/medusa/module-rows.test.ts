/** Products kept row by row, on a real PostgreSQL that tells its changes: a service in the manner of Medusa's. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import knex, { type Knex } from "knex"
import { keepReads } from "../../src/medusa/module-reads"
import { randomOf } from "../history/random"
import { createDatabase, type Database } from "../support/database"
import { type ToldCache, toldCache } from "../support/told-cache"

const schema = `
create table maker (id text primary key, name text);
create table product (id text primary key, title text, status text, maker_id text references maker (id));
create table variant (id text primary key, product_id text references product (id) on delete cascade, title text);
create table tag (id text primary key, value text);
create table product_tags (product_id text references product (id) on delete cascade, tag_id text references tag (id),
  primary key (product_id, tag_id));
`

type Row = Record<string, unknown>
interface Config {
  select?: string[]
  relations?: string[]
  take?: number | null
}

/** As MikroORM does it: the rows, then what belongs to them, by their ids. */
function serviceOf(shared: Knex) {
  const list = async (filters: Row, { select, relations = [], take }: Config) => {
    const query = shared("product")
      .select(select?.join() === "id" ? "product.id" : "product.*")
      .orderBy("product.id")
    for (const [column, value] of Object.entries(filters)) query.whereIn(column, [value].flat() as string[])
    if (typeof take === "number") query.limit(take)
    const rows: Row[] = (await query).map((row: Row) => ({ ...row }))
    if (relations.length === 0 || rows.length === 0) return rows
    const ids = rows.map(({ id }) => id as string)
    const makers = rows.map(({ maker_id }) => maker_id as string).filter(Boolean)
    const variants = await shared("variant").whereIn("product_id", ids).orderBy("id")
    const tags = await shared("product_tags as pt")
      .join("tag as t", "t.id", "pt.tag_id")
      .select("pt.product_id", "pt.tag_id", "t.value")
      .whereIn("pt.product_id", ids)
      .orderBy("pt.tag_id")
    const known = makers.length === 0 ? [] : await shared("maker").whereIn("id", makers)
    return rows.map((row) => ({
      ...row,
      maker: known.find(({ id }) => id === row.maker_id)?.name ?? null,
      variants: variants.filter(({ product_id }) => product_id === row.id),
      tags: tags.filter(({ product_id }) => product_id === row.id).map(({ value }) => value),
    }))
  }
  return {
    listProducts: list,
    listAndCountProducts: async (filters: Row, config: Config) => {
      const rows = await list(filters, config)
      const [counted] = await shared("product").where(filters).count("*")
      return [rows, Number(counted!.count)]
    },
  }
}

describe("products kept row by row", () => {
  let database: Database
  let shared: Knex
  let told: ToldCache
  let statements: string[] = []
  let kept: ReturnType<typeof serviceOf>
  let truth: ReturnType<typeof serviceOf>

  before(async () => {
    database = await createDatabase("pegasus_rows")
    await database.client.query(schema)
    await database.client.query(`
      insert into maker values ('m1', 'One'), ('m2', 'Two');
      insert into tag values ('t1', 'new'), ('t2', 'sale');
      insert into product select 'p' || n, 'Title', 'on', 'm' || (1 + n % 2) from generate_series(1, 5) n;
      insert into variant select 'v' || n, 'p' || (1 + n % 5), 'Variant' from generate_series(1, 10) n;
      insert into product_tags values ('p1', 't1'), ('p2', 't1'), ('p2', 't2')`)
    shared = knex({ client: "pg", connection: { connectionString: database.url } })
    shared.on("query", ({ sql, bindings }) => statements.push(`${sql} ${bindings}`))
    told = await toldCache(shared)
    truth = serviceOf(shared)
    kept = serviceOf(shared)
    keepReads("product", kept as never, { ...told, database: shared, ttl: 60_000 })
  })
  after(async () => {
    await told?.close()
    await shared?.destroy()
    await database?.drop()
  })

  const config = { relations: ["variants", "maker", "tags"], take: 4 }
  const page = (service: typeof kept, status = "on") =>
    told.freshness.within(async () => {
      told.freshness.begin("page")
      const listed = await service.listAndCountProducts({ status }, config)
      await told.freshness.end("page")
      return listed
    })
  const one = (service: typeof kept, id: string | string[]) =>
    told.freshness.within(async () => {
      told.freshness.begin("one")
      const listed = await service.listProducts({ id, status: "on" }, { relations: config.relations })
      await told.freshness.end("one")
      return listed
    })
  const change = async (sql: string) => {
    await database.client.query(sql)
    assert.ok(await told.freshness.settled())
    statements = []
  }

  const rowsRead = () => statements.find((text) => text.startsWith('select "product".* from "product"'))

  it("are those of Medusa, counted", async () => {
    assert.deepEqual(await page(kept), await truth.listAndCountProducts({ status: "on" }, config))
    statements = []
    assert.deepEqual(await page(kept), await truth.listAndCountProducts({ status: "on" }, config))
    assert.equal(statements.length, 5, "those of the truth")
  })

  for (const [what, sql, affected] of [
    ["a title", "update product set title = 'New' where id = 'p2'", ["p2"]],
    ["a variant", "update variant set title = 'New' where product_id = 'p3'", ["p3"]],
    ["a new variant", "insert into variant values ('v99', 'p4', 'New')", ["p4"]],
    ["a tag of one", "delete from product_tags where product_id = 'p1'", ["p1"]],
    ["a maker of some", "update maker set name = 'New' where id = 'm2'", ["p1", "p3"]],
  ] as const) {
    it(`are read anew when they show ${what} that changed, and no others`, async () => {
      await page(kept)
      await change(sql)
      const listed = await page(kept)
      assert.deepEqual(rowsRead()?.match(/p\d/g), [...affected])
      assert.deepEqual(listed, await truth.listAndCountProducts({ status: "on" }, config))
    })
  }

  it("are read in one go when there is one to read, and not when its row is kept", async () => {
    const asked = async (id: string | string[]) => {
      statements = []
      const listed = await one(kept, id)
      const read = [...statements]
      assert.deepEqual(listed, await one(truth, id))
      statements = read
      return read.length
    }
    assert.equal(await asked("p5"), 4)
    assert.equal(await asked("p5"), 0)
    const { relations } = config
    await told.freshness.within(async () => {
      told.freshness.begin("list")
      await kept.listProducts({ status: "on" }, { relations, take: 2 })
      await told.freshness.end("list")
    })
    assert.equal(await asked("p1"), 1)
    await asked(["p5", "p1"])
    assert.deepEqual(rowsRead()?.match(/p\d/g), ["p5"])
    await change("update product set status = 'off' where id in ('p1', 'p5')")
    assert.deepEqual([await one(kept, "p1"), await one(kept, "p5")], [[], []])
    await change("update product set status = 'on' where id in ('p1', 'p5')")
  })

  it("are true after any change", async () => {
    const seed = Number(process.env.ROWS_SEED ?? Date.now() % 1_000_000)
    const random = randomOf(seed)
    const number = (below: number) => 1 + Math.floor(random() * below)
    const product = () => `p${number(7)}`
    const changes = [
      () => `update product set title = 'T${number(99)}' where id = '${product()}'`,
      () => `update product set status = '${random() < 0.7 ? "on" : "off"}' where id = '${product()}'`,
      () => `update product set maker_id = 'm${number(2)}' where id = '${product()}'`,
      () => `update maker set name = 'M${number(99)}' where id = 'm${number(2)}'`,
      () => `update tag set value = 'V${number(99)}' where id = 't${number(2)}'`,
      () => `insert into product values ('${product()}', 'Born', 'on', null) on conflict do nothing`,
      () => `delete from product where id = '${product()}'`,
      () =>
        `insert into variant select 'v${number(99)}', id, 'x' from product where id = '${product()}' on conflict do nothing`,
      () => `update variant set product_id = (select min(id) from product) where id = 'v${number(20)}'`,
      () => `delete from variant where id = 'v${number(20)}'`,
      () =>
        `insert into product_tags select id, 't${number(2)}' from product where id = '${product()}' on conflict do nothing`,
      () => `delete from product_tags where product_id = '${product()}'`,
    ]
    for (let round = 0; round < 400; round++) {
      const sql = changes[number(changes.length) - 1]!()
      await change(sql)
      for (const status of ["on", "off"]) {
        const listed = await page(kept, status)
        assert.deepEqual(listed, await truth.listAndCountProducts({ status }, config), `seed ${seed}: ${sql}`)
      }
      const id = product()
      assert.deepEqual(await one(kept, id), await one(truth, id), `seed ${seed}: ${sql}, ${id}`)
    }
  })
})
