/** A search with the condition it implies finds what the search finds. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { need } from "../../demo/run/services"
import { narrow, trigramsOf, trigramsSql } from "../../src/search"
import { pickOf, randomOf } from "../history/random"
import { adminTokenOf, ask, bearer, parsed } from "../support/ask"
import type { Database } from "../support/database"
import { copyOfDemo } from "../support/demo-database"
import { startStore } from "../support/store"

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/** As Medusa 2.21.2 sends them, but for the order: what is alike comes in any, and a test needs one. */
const searches = {
  products: (text: string) => {
    const like = `ilike ${literal(`%${text}%`)}`
    const joins = `left join "product_type" as "t1" on "p0"."type_id" = "t1"."id" and "t1"."deleted_at" is null left join "product_variant" as "p3" on "p0"."id" = "p3"."product_id" and "p3"."deleted_at" is null left join "image" as "p4" on "p0"."id" = "p4"."product_id"`
    const group = `("p0"."title" ${like} or "p0"."subtitle" ${like} or "p0"."description" ${like} or (("p3"."title" ${like} or "p3"."sku" ${like} or "p3"."barcode" ${like})))`
    return `select "p0"."id", "p4"."url" from "product" as "p0" left join "image" as "p4" on "p0"."id" = "p4"."product_id" where "p0"."id" in (select "p0"."id" from (select "p0"."id" from "product" as "p0" ${joins} where ${group} and "p0"."deleted_at" is null and "p0"."status" = 'published' group by "p0"."id" order by min("p0"."created_at") desc, "p0"."id" limit 7) as "p0") order by "p0"."created_at" desc, "p0"."id", "p4"."url"`
  },
  orders: (text: string) => {
    const like = `ilike ${literal(`%${text}%`)}`
    return `select "o0"."id" from "order" as "o0" left join "order_address" as "o1" on "o0"."shipping_address_id" = "o1"."id" and "o1"."deleted_at" is null left join "order_address" as "o2" on "o0"."billing_address_id" = "o2"."id" and "o2"."deleted_at" is null where (cast(o0.display_id as text) ${like} or "o0"."email" ${like} or (("o1"."first_name" ${like} or "o1"."city" ${like})) or (("o2"."first_name" ${like} or "o2"."city" ${like}))) and "o0"."deleted_at" is null and "o0"."is_draft_order" = false order by "o0"."id" asc limit 15`
  },
}

describe("a search across tables", () => {
  let shop: Database
  before(async () => {
    shop = await copyOfDemo("pegasus_search", 2_000)
  })
  after(() => shop.drop())
  const rows = async (sql: string) => (await shop.client.query(sql)).rows

  it("finds the same, whatever is sought (SEARCH_SEED, SEARCH_ROUNDS)", async () => {
    const seed = Number(process.env.SEARCH_SEED ?? 1)
    const random = randomOf(seed)
    const pick = pickOf(random)
    const texts = [
      ...[
        "shirt",
        "Ada1",
        "erlin",
        "o'clock",
        "it''s",
        "back\\\\slash",
        "100%",
        "some_thing",
        ") or (true",
        "ä",
        "$1",
      ],
      ...[
        '"p0"."id" is null',
        "is null and",
        "where (",
        "$& $1 shirt",
        "?",
        "'",
        "%",
        "for ",
        "a",
        "\u0001here",
      ],
    ]
    const words = await rows("select title from product limit 50")
    let found = 0
    for (let round = 0; round < Number(process.env.SEARCH_ROUNDS ?? 60); round++) {
      const word = pick(words).title as string
      const at = Math.floor(random() * word.length)
      const text = random() < 0.4 ? pick(texts) : word.slice(at, at + 1 + Math.floor(random() * 6))
      for (const search of Object.values(searches)) {
        const sql = search(text)
        const narrowed = narrow(sql)
        const isServed = /[\p{L}\p{N}]{3}/u.test(text) && !text.includes("\u0001")
        assert.equal(narrowed !== undefined, isServed, text)
        if (!narrowed) continue
        const expected = await rows(sql)
        found += expected.length
        assert.deepEqual(await rows(narrowed.sql), expected, `${text}, seed ${seed}`)
      }
    }
    assert.ok(found > 100)
  })

  it("is served by trigram indexes, once they cover every column", async () => {
    const { sql, searched } = narrow(searches.products("Chelsea"))!
    assert.deepEqual(
      searched.map(({ table }) => table),
      ["product", "product_variant"],
    )
    const covered = async () =>
      trigramsOf((await rows(trigramsSql)) as { table: string; name: string }[]).cover(searched)
    await rows("create extension if not exists pg_trgm")
    await rows(
      "create index product_search on product using gin (title gin_trgm_ops, subtitle gin_trgm_ops, description gin_trgm_ops) where deleted_at is null",
    )
    assert.equal(await covered(), false)
    await rows(
      "create index variant_search on product_variant using gin (title gin_trgm_ops, sku gin_trgm_ops) where deleted_at is null",
    )
    assert.equal(await covered(), false)
    await rows("create index on product_variant using gin (barcode gin_trgm_ops) where sku is not null")
    assert.equal(await covered(), false)
    await rows("create index barcode_search on product_variant using gin (barcode gin_trgm_ops)")
    assert.equal(await covered(), true)
    await rows("set enable_seqscan = off")
    const plan = (await rows(`explain ${sql}`)).map((row) => row["QUERY PLAN"]).join("\n")
    assert.match(plan, /Bitmap Index Scan on barcode_search/)
    assert.match(plan, /Bitmap Index Scan on variant_search/)
  })

  it("is sent so by a store with Pegasus, where the indexes are", async () => {
    await rows("create index on product_variant using gin (ean gin_trgm_ops, upc gin_trgm_ops)")
    const redis = await need(["redis"])
    const args = ["--cache", "pegasus", "--database-url", shop.url, "--redis-url", redis.urls.redis]
    const store = await startStore(args)
    try {
      await rows("select pg_stat_statements_reset()")
      const headers = bearer(await adminTokenOf(store.ready))
      const path = "/admin/products?q=shirt&limit=9&order=title"
      const { text } = await ask(store.ready, { method: "GET", path, headers })
      const { products, count } = parsed(text) as { products: { id: string }[]; count: number }
      const truth = await rows(`
        select id from product p where p.deleted_at is null and (p.title ilike '%shirt%' or p.subtitle ilike '%shirt%'
          or p.description ilike '%shirt%' or exists (select from product_variant v where v.product_id = p.id and v.deleted_at is null
            and (v.title ilike '%shirt%' or v.sku ilike '%shirt%' or v.barcode ilike '%shirt%' or v.ean ilike '%shirt%' or v.upc ilike '%shirt%')))
        order by title`)
      assert.equal(count, truth.length)
      assert.deepEqual(
        products.map(({ id }) => id),
        truth.slice(0, 9).map(({ id }) => id),
      )
      const sent = await rows(
        `select count(*)::int as count from pg_stat_statements where query ~ 'ilike.*union all.*ilike'
          and dbid = (select oid from pg_database where datname = current_database())`,
      )
      // The list and its count.
      assert.equal(sent[0].count, 2)
    } finally {
      await store.stop()
      await redis.release()
    }
  })

  it("knows a cast column's index by its expression", async () => {
    const { searched } = narrow(searches.orders("xyz"))!
    assert.ok(searched[0]!.columns.includes("display_id::text"))
    await rows(`create index on "order" using gin ((display_id::text) gin_trgm_ops, email gin_trgm_ops)`)
    const trigrams = trigramsOf((await rows(trigramsSql)) as { table: string; name: string }[])
    assert.equal(trigrams.cover([{ table: "order", columns: ["display_id::text", "email"] }]), true)
  })
})

describe("what is left as it is", () => {
  const search = searches.products("xyz")
  const soft = ` and "p0"."deleted_at" is null`
  const others: Record<string, string> = {
    "of one table": `select 1 from "product" as "p0" where ("p0"."title" ilike 'x' or "p0"."subtitle" ilike 'x') and "p0"."deleted_at" is null`,
    "with another comparison among them": search.replace(`"p0"."subtitle" ilike`, `"p0"."subtitle" =`),
    "with an and among them": search.replace(` or "p0"."description"`, ` and "p0"."description"`),
    "with a join that is not on the left": search.replaceAll(
      `left join "product_variant"`,
      `inner join "product_variant"`,
    ),
    "with a join that asks": search.replaceAll(
      `on "p0"."id" = "p3"."product_id"`,
      `on "p0"."id" = any (select 1)`,
    ),
    "with a join by a third table": search.replaceAll(
      `on "p0"."id" = "p3"."product_id"`,
      `on "t1"."id" = "p3"."product_id"`,
    ),
    "with two letters": searches.products("xy"),
    "of what is deleted or not": search.replace(
      soft,
      ` and ("p0"."deleted_at" is null or "p0"."status" = 'draft')`,
    ),
    "of what is deleted": search.replace(soft, ` and not ("p0"."deleted_at" is null)`),
    "or of something else": search.replace(soft, ` and "p0"."status" = 'draft' or "p0"."deleted_at" is null`),
    "whose other half says what is not deleted": search.replace(
      soft,
      ` and true union select 1 where "p0"."deleted_at" is null`,
    ),
    "of what is deleted, too": search.replace(` and "p0"."deleted_at" is null and`, " and"),
    "with an escaped literal": search.replace("ilike '%xyz%'", "ilike E'%xyz\\\\%'"),
  }
  it("but not a search beside other conditions", () => {
    for (const other of [
      `("p0"."id" in ('a', 'b') or true)`,
      `"p0"."status" in ('x')`,
      `not ("p0"."id" is null)`,
    ]) {
      assert.ok(narrow(search.replace(soft, ` and ${other}${soft}`)), other)
    }
  })

  for (const [name, sql] of Object.entries(others)) {
    it(`is a search ${name}`, () => {
      assert.notEqual(sql, search)
      assert.equal(narrow(sql), undefined)
    })
  }
})
