import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { surrogateKeys } from "../../src/http/surrogate"
import { tagsOfChange } from "../../src/tracking"

const plain = (tag: string) => tag
const header = { name: "Cache-Tag", bytes: 60, separator: "," }

describe("tags for a CDN", () => {
  it("are those of the answer, as long as they fit", () => {
    assert.equal(surrogateKeys(["db:a.id=1", "db:a!"], plain, header), "db:a.id=1,db:a!")
  })

  it("are those of the tables when there are too many, and a change of a row moves them", () => {
    const tags = Array.from({ length: 20 }, (_, n) => `db:product.id=${n}`)
    assert.equal(
      surrogateKeys([...tags, "db:region+", "db:region.name"], plain, header),
      "db:product,db:region",
    )
    const moved = tagsOfChange({ table: "product", kind: "update", columns: ["title"], keys: { id: ["7"] } })
    assert.ok(moved.includes("db:product"))
  })

  it("count, where the CDN counts", () => {
    assert.equal(surrogateKeys(["db:a.id=1", "db:a.id=2"], plain, { ...header, tags: 1 }), "db:a")
  })

  it("are none when they do not fit at all", () => {
    const tables = Array.from({ length: 20 }, (_, n) => `db:table_${n}+`)
    assert.equal(surrogateKeys(tables, plain, header), undefined)
  })
})
