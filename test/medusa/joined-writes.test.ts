import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { joined } from "../../src/medusa/joined-writes"

describe("writes that go as one statement", () => {
  const all = () => true
  const insert = (table: string, values = "(1)", rest = "") =>
    `insert into "${table}" ("id") values ${values}${rest}`
  const update = `update "c" set "said" = 'x; select (', "at" = 1 where "id" = 2`

  it("are those of different tables", () => {
    assert.deepEqual(joined(["BEGIN", insert("a"), update, insert("b", "(2), (3)"), "COMMIT"], all), [
      "BEGIN",
      `with "write 1" as (${insert("a")}),\n"write 2" as (${update})\n${insert("b", "(2), (3)")}`,
      "COMMIT",
    ])
  })

  it("end with one that gives something", () => {
    const returning = insert(
      "b",
      "(1)",
      ` on conflict ("id") do update set "id" = excluded."id" returning "id"`,
    )
    const [first, second] = joined([insert("a"), returning, insert("c"), insert("d")], all)
    assert.equal(first, `with "write 1" as (${insert("a")})\n${returning}`)
    assert.equal(second, `with "write 1" as (${insert("c")})\n${insert("d")}`)
  })

  it("are not two of one table, nor what lies beyond something else", () => {
    const apart = [
      [insert("a"), insert("a", "(2)")],
      [insert("a"), `update "a" set "said" = 1 where "id" = 1`],
      [insert("a"), "select 1", insert("b")],
      [insert("a"), "SET LOCAL lock_timeout = '3s'", insert("b")],
    ]
    for (const texts of apart) assert.deepEqual(joined(texts, all), texts)
  })

  it("are of values alone", () => {
    const apart = [
      insert("b", "((select max(id) from a))"),
      insert("b", "(next_number())"),
      insert("b", "(1)", "; select 1"),
      insert("b", "(1)", " -- a note"),
      insert("b", "(1)", " /* a note */"),
      `insert into "b" ("id") select 1`,
      `update "b" set "said" = 1 from a where "b"."id" = a.id`,
      `update "b" set "said" = lower("said") where "id" = 1`,
    ]
    for (const other of apart) assert.deepEqual(joined([insert("a"), other], all), [insert("a"), other])
    const many = `update "b" set "said" = case when ("id" = 1) then 2 else "said" end where "id" in (1, 3)`
    assert.equal(joined([insert("a"), many], all).length, 1)
  })

  it("are of tables of which nothing else is known to happen", () => {
    const texts = [insert("a"), insert("b"), insert("c")]
    const [first, ...others] = joined(texts, (table) => table !== "c")
    assert.equal(first, `with "write 1" as (${insert("a")})\n${insert("b")}`)
    assert.deepEqual(others, [insert("c")])
  })
})
