/** Which statements ask for one row, and which show it among others. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { askedById, rowAmong, showsAmong } from "../../src/tracking/own-rows"

const start = `select "p0".*, "p1"."id" as "p1__id" from "payment" as "p0" left join "part" as "p1" on "p0"."id" = "p1"."payment_id" where `
const alive = `"p0"."deleted_at" is null and `
const byId = `"p0"."id" = 'pay_1'`

describe("a row that is asked for by its id", () => {
  it("is told from what asks something else", () => {
    for (const rest of [byId, `${alive}${byId}`, `${alive}${byId} order by "p0"."id" asc`]) {
      assert.equal(askedById(start + rest)?.id, "pay_1")
    }
    for (const rest of [
      `"p1"."id" = 'part_1'`,
      `"p0"."code" = 'a'`,
      `${byId} for update`,
      `${byId} limit 1`,
      `${byId} order by "p0"."id" desc`,
      `"p0"."code" = 'a' or ${byId}`,
      `("p0"."code" = 'a' and ${byId})`,
      `"p1"."deleted_at" is null and ${byId}`,
    ]) {
      assert.equal(askedById(start + rest), undefined, rest)
    }
    for (const columns of [`"p0"."id"`, `"p1".*`, `"p0".*, "p1"."code" as "id"`, `distinct "p0".*`]) {
      const sql = `select ${columns} from "payment" as "p0" left join "part" as "p1" on true where ${byId}`
      assert.equal(askedById(sql), undefined, columns)
    }
  })

  it("is shown by what shows the same of others", () => {
    const asked = askedById(start + alive + byId)!
    for (const rest of [`"p0"."cart_id" = 'a'`, `"p0"."cart_id" in ('a')`, `"p0"."cart_id" in ('a', 'b')`]) {
      assert.ok(showsAmong(asked, start + alive + rest), rest)
      assert.equal(showsAmong(asked, start + rest), false, "deleted ones, too")
      const fewer = start.replace(`, "p1"."id" as "p1__id"`, "")
      assert.equal(showsAmong(asked, fewer + alive + rest), false)
      const others = start.replace(`"payment_id"`, `"payment_no"`)
      assert.equal(showsAmong(asked, others + alive + rest), false)
      for (const more of [" limit 1", ` and "p0"."code" = 'a'`, " for update", ` or "p0"."code" = 'a'`]) {
        assert.equal(showsAmong(asked, start + alive + rest + more), false, more)
      }
    }
    assert.equal(showsAmong(asked, `${start}${alive}"p1"."code" = 'a'`), false)
    assert.equal(showsAmong(asked, start + alive), false)
  })

  it("is the one row of that id among those that were given", () => {
    const start = 'select "l0".* from "level" as "l0" where "l0"."deleted_at" is null and '
    const asked = askedById(`${start}"l0"."id" = 'a' order by "l0"."id" asc`)!
    const [a, b] = [
      { id: "a", deleted_at: null },
      { id: "b", deleted_at: null },
    ]
    const among = (rest: string, rows: Record<string, unknown>[]) =>
      rowAmong(asked, start + rest, { rows, fields: [] })?.rows[0]
    const rest = `(1 = 0 or ("l0"."place_id" = 'p')) order by "l0"."id" asc`
    assert.equal(among(rest, [b, a]), a)
    assert.equal(among(rest, [b]), undefined)
    assert.equal(among(rest, [a, { ...a }]), undefined)
    assert.equal(among(rest, [{ ...a, deleted_at: new Date() }]), undefined)
    assert.equal(
      rowAmong(asked, start.replace('"l0".*', '"l0"."id"') + rest, { rows: [a], fields: [] }),
      undefined,
    )
    assert.equal(among(`"l0"."id" > 'a' union select * from other`, [a]), undefined)
    for (const more of [`group by "l0"."id"`, "limit 1", "offset 1", "fetch first row only"])
      assert.equal(among(`"l0"."id" > 'a' ${more}`, [a]), undefined, more)
  })

  it("is not all that is joined to it where something was asked of that", () => {
    const asked = askedById(start + alive + byId)!
    const row = { id: "pay_1", deleted_at: null, p1__id: "part_1" }
    const among = (rest: string) => rowAmong(asked, start + alive + rest, { rows: [row], fields: [] })
    assert.equal(among(`"p0"."cart_id" = 'a'`)?.rows[0], row)
    assert.equal(among(`"p0"."cart_id" = 'a' and "p1"."code" = 'x'`), undefined)
  })
})
