import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { deflateRawSync } from "node:zlib"
import type { Entry } from "../../src/engine/entry"
import { toPlain } from "../../src/engine/plain"
import { compressFrom, decode, encode, longestBody } from "../../src/engine/wire"

const entryOf = (value: unknown): Entry => ({
  key: "product:1",
  ...toPlain(value),
  tags: ["auto:Product:prod_1"],
  fence: { epoch: "run-epoch", seq: 42, at: 1_800_000_000_000 },
  expiresAt: 1_800_003_600_000,
  staleUntil: 1_800_003_700_000,
})
const small = entryOf({ id: "prod_1", title: "Käse ☕", created_at: new Date("2026-01-02T03:04:05.678Z") })
const large = entryOf({ id: "prod_1", text: "lang ".repeat(4_096), at: [new Date(1)] })
const veryLarge = entryOf(Array.from({ length: 40_000 }, (_, index) => index * 7919))
const written = async (entry: Entry) => (await encode(entry))!
const golden = (name: string) => readFileSync(join(__dirname, "golden", name))

describe("the wire format", () => {
  it("gives back what it was given", async () => {
    for (const entry of [small, large, veryLarge, entryOf(null), entryOf([])]) {
      const { bytes: _size, ...expected } = entry
      const { bytes: _read, ...found } = (await decode("product:1", await written(entry)))!
      assert.deepEqual(found, expected)
    }
  })

  it("writes and reads what format 2 has always been", async () => {
    assert.deepEqual(await encode(small), golden("entry-v2.bin"))
    for (const [name, entry] of [
      ["entry-v2.bin", small],
      ["entry-v2-deflated.bin", large],
    ] as const) {
      assert.deepEqual((await decode("product:1", golden(name)))?.value, entry.value)
    }
  })

  it("reads no value that is not wanted", async () => {
    const { value: _value, bytes: _bytes, ...head } = large
    const told: unknown[] = []
    const isWanted = (one: unknown) => told.push(one) > 1
    assert.equal(await decode("product:1", await written(large), isWanted), undefined)
    assert.deepEqual(told, [head])
    assert.deepEqual((await decode("product:1", await written(large), isWanted))?.value, large.value)
  })

  it("deflates what is large", async () => {
    assert.ok((await written(large)).length < compressFrom)
  })

  it("neither writes nor reads what is longer than the limit", async () => {
    assert.equal(await encode(entryOf("x".repeat(longestBody))), undefined)
    const bomb = deflateRawSync(Buffer.alloc(longestBody + 1, "1"))
    const good = await written(large)
    const head = good.subarray(0, 7)
    assert.equal(await decode("k", Buffer.concat([head, bomb])), undefined)
  })

  it("takes anything else for a miss", async () => {
    for (const entry of [small, large]) {
      const good = await written(entry)
      const changed = (change: (bytes: Buffer) => void) => {
        const copy = Buffer.from(good)
        change(copy)
        return copy
      }
      const wrong = [
        Buffer.alloc(0),
        Buffer.from("hello, world"),
        changed((bytes) => bytes.writeUInt8(3, 1)),
        changed((bytes) => bytes.writeUInt8(9, 2)),
        changed((bytes) => bytes.writeUInt8(1, 1)),
        changed((bytes) => bytes.writeUInt32BE(0xffff_ffff, 3)),
        changed((bytes) => bytes.fill("x", 8, 20)),
        changed((bytes) => bytes.fill(0xff, bytes.length - 12)),
        good.subarray(0, 12),
      ]
      for (const bytes of wrong) assert.equal(await decode("k", bytes), undefined)
    }
  })
})
