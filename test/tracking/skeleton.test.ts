import assert from "node:assert/strict"
import { before, describe, it } from "node:test"
import { plainly, skeletonOf } from "../../src/tracking/skeleton"
import { loadParser, parseStatement } from "../../src/tracking/statement"

describe("the skeleton of a statement", () => {
  before(loadParser)

  it("is the same for all values and any number of them in a list", () => {
    const { text, values } = skeletonOf(
      `select "a0"."id" from "t1" as "a0" where "a0"."id" in ('x', 'it''s', 3) and n = 2.5 limit 10`,
    )
    assert.equal(text, `select "a0"."id" from "t1" as "a0" where "a0"."id" in ($1) and n = $2 limit $3`)
    assert.deepEqual(values, [["x", "it's", 3], [2.5], [10]])
    assert.equal(
      skeletonOf("select * from t where id in ($1,$2 , $3)", ["a", "b", "c"]).text,
      "select * from t where id in ($1)",
    )
  })

  it("mixes literals and parameters, in their order", () => {
    const { text, values } = skeletonOf("select * from t where a = $2 and b = 'x' and c in ($1, 'y')", [
      "one",
      "two",
    ])
    assert.equal(text, "select * from t where a = $1 and b = $2 and c in ($3)")
    assert.deepEqual(values, [["two"], ["x"], ["one", "y"]])
  })

  it("takes nothing for a value that is none", () => {
    for (const sql of [
      `select "it's 5" from "t 'x'"`,
      "select t1.c2 from s3.t1",
      "select a from t where b = E'\\'; drop 5'",
      "select a from t -- where b = 5",
      "select a from t /* 5 'x' */",
      "select $tag$ 'x' 5 $tag$",
    ]) {
      assert.equal(skeletonOf(sql).text, sql)
    }
  })

  it("leaves a number where it is that it would take for another", () => {
    const sql = "select * from t where id in (9007199254740993, 5) and n in (1.10, 007, 2.5)"
    const { text, values } = skeletonOf(sql)
    assert.equal(text, "select * from t where id in (9007199254740993, $1) and n in (1.10, 007, $2)")
    assert.deepEqual(values, [[5], [2.5]])
    const statement = parseStatement(text, () => true)
    assert.ok(statement.kind === "read")
    assert.deepEqual(statement.sources[0]!.keys, [], "what is beside it does not tell the rows alone")
  })

  it("takes for a value of a list only what is one", () => {
    for (const [sql, expected] of [
      ["select * from t where a in (5, 10 * n)", "select * from t where a in ($1, $2 * n)"],
      ["select * from t where a in (5, 7 , 3 + n, 2)", "select * from t where a in ($1 , $2 + n, $3)"],
      ["select * from t where a in (5 + n, 2, 1)", "select * from t where a in ($1 + n, $2, $3)"],
      ["select * from t where a in ('b', 'a'::text)", "select * from t where a in ($1, $2::text)"],
    ] as const)
      assert.equal(skeletonOf(sql).text, expected)
  })

  it("does not join what stands in different lists", () => {
    assert.equal(
      skeletonOf("select f(1, 2), 3 from t where a in (1) and b in (2)").text,
      "select f($1, $2), $3 from t where a in ($4) and b in ($5)",
    )
  })
})

describe("a statement without parameters", () => {
  const plain = (sql: string, bindings: unknown[] = []) =>
    plainly(sql, bindings, skeletonOf(sql, bindings).values)

  it("has its values in it, and its lists in order", () => {
    assert.equal(
      plain("select * from t where a in ($1, $2) and b = $3 and c = 2 limit $4", ["y", "it's", "", 5]),
      "select * from t where a in ('it''s', 'y') and b = '' and c = 2 limit '5'",
    )
    assert.equal(
      plain("select * from t where a in ('b', 'a', 3)"),
      "select * from t where a in ('a', 'b', 3)",
    )
    assert.equal(
      plain("select * from t where a = $1 and id in (9007199254740993, 2)", ["x"]),
      "select * from t where a = 'x' and id in (9007199254740993, 2)",
    )
    assert.equal(
      plain("select * from t where a in ($1, $2 + 1)", ["7", "3"]),
      "select * from t where a in ('7', '3' + 1)",
    )
    const inOrder = "select * from t where a in ('a',  'b')"
    assert.equal(plain(inOrder), inOrder)
  })

  it("is none of what has no such text, or hides something", () => {
    for (const value of ["a\\b", "\0", null, undefined, true, new Date(), ["a"], { a: 1 }, 1n, Buffer.of(1)])
      assert.equal(plain("select * from t where a = $1", [value]), undefined, String(value))
    for (const order of ["order by $1", "group by $1", "order by a, $1 desc limit 1"])
      assert.equal(plain(`select * from t ${order}`, ["x"]), undefined)
    const [list, long] = ["select * from t where a in ('b', 'a')", "x".repeat(16_000)]
    for (const unread of [`${list} and "$1" = 1`, `${list} and b = '${long}'`])
      assert.equal(plain(unread), unread)
    for (const hiding of ["select E'\\'' from t where a = $1", "select * /* $1 */ from t where a = $1"])
      assert.equal(plain(hiding, ["x"]), undefined)
    assert.equal(
      plain("select * from t where a = $2 and b = $1", ["x", "y"]),
      "select * from t where a = 'y' and b = 'x'",
    )
    assert.equal(plain(`select "$1" from t where a = $1`, ["x"]), undefined, "the name of a column")
    assert.equal(plain(`select * from t where b = '${"long".repeat(5_000)}' and a = $1`, ["x"]), undefined)
  })
})

describe("a statement", () => {
  const isHarmless = (name: string) => ["count", "lower", "coalesce"].includes(name)
  const kindOf = (sql: string) => parseStatement(sql, isHarmless).kind
  before(loadParser)

  it("is opaque when it cannot be told what it depends on", () => {
    for (const sql of [
      "select my_function(id) from t",
      "select random()",
      "select other.now() from t",
      "select * from pg_class",
      "select * from information_schema.tables",
      "select * from t natural join u",
      "select * from t join u using (id)",
      "select id from t for update",
      "select id into u from t",
      "select s.t.id from s.t",
      "select u.id from t",
      "select x from t as u (x)",
      "select * from xmltable('/a' passing '<a/>' columns b text)",
      "select current_user",
      "explain select 1",
      "do $$ begin end $$",
      "call p()",
      "selec",
    ]) {
      assert.equal(kindOf(sql), "opaque", sql)
    }
  })

  it("is a write also when it hides in a select", () => {
    for (const sql of [
      "insert into t values (1)",
      "update t set a = 1",
      "delete from t",
      "with w as (insert into t values (1) returning id) select * from w",
      "select 1; delete from t",
    ]) {
      assert.equal(kindOf(sql), "write", sql)
    }
  })

  it("is nothing when it only begins or ends", () => {
    for (const sql of ["begin", "commit", "set local a = 1"]) assert.equal(kindOf(sql), "none", sql)
  })

  it("names every table, however deep", () => {
    const statement = parseStatement(
      `with c as (select * from a) select (select count(*) from b) from c left join lateral (select * from d where d.id = c.id) s on true
       where exists (select 1 from e) and c.id in (select id from f union select id from g) order by (select 1 from h limit 1)`,
      isHarmless,
    )
    assert.ok(statement.kind === "read")
    assert.deepEqual(statement.sources.map(({ table }) => table).sort(), ["a", "b", "d", "e", "f", "g", "h"])
  })
})
