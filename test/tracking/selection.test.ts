/** Which select shows what another one would show. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { areSingle, holds, narrowed, rowsOf, selectionOf } from "../../src/tracking/selection"

describe("a select of the same rows", () => {
  const selection = (columns: string) => selectionOf({}, `select ${columns} from "cart" as "c0"`)!
  const isHeld = (more: string, fewer: string) => holds(selection(more), selection(fewer))

  it("holds what shows fewer of its columns", () => {
    const more = '"c0"."id", "c0"."email", "s1"."id" as "s1__id"'
    assert.ok(isHeld(more, '"s1"."id" as "s1__id", "c0"."id"'))
    assert.ok(!isHeld('"c0"."id"', more))
    assert.ok(!isHeld(more, '"c0"."note"'))
    assert.ok(!isHeld(more, '"s1"."id"'), "under another name")
    assert.ok(!isHeld(more, '"c0"."email" as "s1__id"'), "another under the name")
  })

  it("holds all columns of a table", () => {
    const more = '"c0".*, "c0".cart_id as "cart_id", "s1"."id" as "s1__id"'
    assert.ok(isHeld(more, '"c0"."id", "c0"."cart_id" as "cart_id", "s1"."id" as "s1__id"'))
    assert.ok(!isHeld(more, '"s1"."id"'))
    assert.ok(!isHeld(more, '"c0"."id" as "other"'))
    assert.ok(!isHeld('"c0".*, "s1"."id" as "id"', '"c0"."id"'), "that of another table hides it")
    assert.ok(!isHeld('"c0".*, "s1".*', '"c0"."id"'), "or may hide it")
    assert.ok(!isHeld('"c0"."id", "s1".*', '"c0"."id"'), "and what comes after does")
    assert.ok(!isHeld(more, '"c0".*'), "nobody knows which they are")
  })

  it("is not known when it is written otherwise", () => {
    const columns = ['distinct "c0"."id"', 'count(*) as "n"', '"id"', 'row("c0".ctid) as "v"', "'a' as b"]
    for (const one of columns) assert.equal(selection(one), undefined, one)
  })

  it("is not known where its columns may say which rows they are", () => {
    const rest = (text: string) => selectionOf({}, `select "c0"."id" from "cart" as "c0" ${text}`)
    assert.ok(rest(`where "c0"."id" = 'a' order by "c0"."id" asc, "c0"."made" desc limit 1`))
    for (const text of [
      "order by 1",
      'order by "id"',
      'order by "c0"."id", 2',
      "group by 1",
      "union select 'a'",
    ])
      assert.equal(rest(text), undefined, text)
  })

  it("may join what its columns refer to", () => {
    const place = `left join "place" as "s1" on "c0"."place_id" = "s1"."id" and "s1"."deleted_at" is null`
    const bill = `left join "place" as "b2" on "c0"."bill_id" = "b2"."id"`
    const where = `where "c0"."id" in ('a') order by "c0"."id" asc`
    const rows = (text: string, columns = `"c0"."id", "s1"."id" as "s1__id"`) => {
      const sql = `select ${columns} ${text}`
      return rowsOf(selectionOf({}, sql)!, sql)
    }
    const [own, ...others] = rows(`from "cart" as "c0" ${place} ${bill} ${where}`)
    assert.equal(own, ` from "cart" as "c0" ${place} ${bill} ${where}`)
    assert.deepEqual(others, [` from "cart" as "c0" ${where}`])
    assert.equal(rows(`from "cart" as "c0" ${place} ${where}`, `"c0".*, "s1"."id" as "s1__id"`).length, 2)
    const apart = [
      `from "cart" as "c0" left join "line" as "s1" on "c0"."id" = "s1"."cart_id" ${where}`,
      `from "cart" as "c0" inner join "place" as "s1" on "c0"."place_id" = "s1"."id" ${where}`,
      `from "cart" as "c0" ${place.replace("is null", "is not null")} ${where}`,
      `from "cart" as "c0" ${place} where "s1"."id" = 'a'`,
      `from "cart" as "c0" ${place} ${where}, "s1"."id" asc`,
      `from "cart" as "c0" ${place} ${where} limit 1 offset 1`,
      `from "cart" as "c0" ${where}`,
    ]
    for (const text of apart) assert.equal(rows(text).length, 1, text)
    const hidden = [`"s1"."id" as "s1__id"`, `"c0"."id" as "other"`, `"s1"."id"`, `"c0".*, "s1"."id"`]
    for (const columns of hidden) {
      assert.equal(rows(`from "cart" as "c0" ${place} ${where}`, columns).length, 1, columns)
    }
    assert.ok(areSingle({ rows: [{ id: "a" }, { id: "b" }], fields: [] }))
    assert.ok(!areSingle({ rows: [{ id: "a" }, { id: "a" }], fields: [] }))
  })

  it("gives what the other would have given", () => {
    const fields = ["id", "email", "s1__id"].map((name) => ({ name }))
    const response = { command: "SELECT", rows: [{ id: "a", email: null, s1__id: "s" }], fields }
    const given = narrowed(response, selection('"s1"."id" as "s1__id", "c0"."id"'))
    assert.deepEqual(given, { ...response, rows: [{ s1__id: "s", id: "a" }], fields: [fields[2], fields[0]] })
    assert.equal(narrowed(response, selection('"c0"."missing"')), undefined)
  })
})
