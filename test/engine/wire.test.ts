import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import type { Entry } from "../../src/engine/entry"
import { toPlain } from "../../src/engine/plain"
import { decode, encode } from "../../src/engine/wire"

const entry: Entry = {
  ...toPlain({ id: "prod_1", title: "Käse ☕", created_at: new Date("2026-01-02T03:04:05.678Z") }),
  tags: ["auto:Product:prod_1"],
  fence: { epoch: "run-epoch", seq: 42, at: 1_800_000_000_000 },
  expiresAt: 1_800_003_600_000,
}

describe("the wire format", () => {
  it("gives back what it was given", () => {
    const { bytes: _size, ...expected } = entry
    const { bytes: _read, ...found } = decode(encode(entry))!
    assert.deepEqual(found, expected)
  })

  it("is the one that earlier releases wrote", () => {
    const golden = readFileSync(join(__dirname, "golden", "entry-v1.bin"))
    assert.deepEqual(encode(entry), golden)
  })

  it("takes anything else for a miss", () => {
    const good = encode(entry)
    const another = Buffer.from(good)
    another[1] = 2
    const damaged = Buffer.from(good)
    damaged.fill("x", 6, 20)
    for (const bytes of [Buffer.alloc(0), Buffer.from("hello"), another, damaged, good.subarray(0, 12)]) {
      assert.equal(decode(bytes), undefined)
    }
  })
})
