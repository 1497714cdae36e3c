import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { nameOfTag, Shares } from "../../src/tracking"

const tag = (table: string, value: string) => `db:${table}.id=${nameOfTag(value)}`

describe("what rows that were loaded together depend on", () => {
  it("is what can be reached from each, in whatever order it came", () => {
    const shares = new Shares(["A", "B"])
    shares.note([{ id: "A" }, { id: "B" }], ["id"])
    shares.note(
      [
        { fk: "A", id: "C1", parent: "C0" },
        { fk: "B", id: "C0", parent: "CR" },
      ],
      ["fk"],
    )
    // C0 is A's by its parent: what B's row of it leads to is A's, too.
    shares.note([{ id: "C0", parent: "CR" }], ["id"])
    shares.note([{ id: "CR" }], ["id"])
    const tags = [tag("category", "C1"), tag("category", "CR"), "db:category+"]
    assert.deepEqual(shares.of("A", tags), tags)
    assert.deepEqual(shares.of("B", tags), tags.slice(1))
  })

  it("is all, where it is not seen what led to a row, and for values that nothing leads to", () => {
    const shares = new Shares(["A", "B"])
    shares.note([{ id: "A", common: "X" }], ["id"])
    shares.note([{ common: "X" }], [])
    for (const id of ["A", "B"]) {
      assert.deepEqual(shares.of(id, [tag("x", "X"), tag("x", "Y")]), [tag("x", "X"), tag("x", "Y")])
    }
    assert.deepEqual(shares.of("B", [tag("x", "A")]), [])
    shares.giveUp()
    assert.deepEqual(shares.of("B", [tag("x", "A")]), [tag("x", "A")])
  })
})
