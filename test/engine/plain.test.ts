import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { setFlagsFromString } from "node:v8"
import { copyOf, fromText, isPlain, toPlain, toText } from "../../src/engine/plain"

setFlagsFromString("--allow-natives-syntax")

describe("plain values", () => {
  const sample = () => ({
    id: "prod_1",
    price: 10.5,
    none: null,
    flags: [true, false],
    created_at: new Date("2026-01-02T03:04:05.678Z"),
    variants: [{ id: "v1", sold_at: new Date(0), tags: [] as string[] }],
  })

  it("keep dates, numbers, nulls and nesting", () => {
    assert.deepEqual(toPlain(sample()).value, sample())
  })

  it("share nothing with what they were made of, nor with their copies", () => {
    const given = sample()
    const { value } = toPlain(given)
    const copy = copyOf(value) as ReturnType<typeof sample>
    given.variants[0]!.id = "changed"
    copy.created_at.setTime(0)
    copy.variants[0]!.tags.push("changed")
    assert.deepEqual(value, sample())
  })

  it("are what JSON would carry, apart from dates", () => {
    class BigNumber {
      toJSON() {
        return 12.5
      }
    }
    const odd = {
      amount: new BigNumber(),
      gone: undefined,
      call: () => 1,
      list: [undefined],
      nan: Number.NaN,
    }
    assert.deepEqual(toPlain(odd).value, JSON.parse(JSON.stringify(odd)))
  })

  it("are records to V8 however many properties they have, and so are their copies", () => {
    const isRecord = new Function("value", "return %HasFastProperties(value)") as (value: unknown) => boolean
    const grown: Record<string, number> = {}
    for (let count = 0; count < 40; count++) grown[`column_${count}`] = count
    assert.ok(!isRecord(grown), "V8 keeps what grew by assignments as a table")
    const { value } = toPlain(grown)
    assert.ok(isRecord(value) && isRecord(copyOf(value)))
    assert.deepEqual(copyOf(value), grown)
  })

  it("give what is no plain data as it is", () => {
    class Interval {
      constructor(readonly days: number) {}
      toPostgres() {
        return `${this.days} days`
      }
    }
    const interval = new Interval(2)
    const copy = copyOf([{ interval, bytes: Buffer.of(1) }] as never) as unknown as { interval: Interval }[]
    assert.equal(copy[0]!.interval.toPostgres(), "2 days")
  })

  it("survive the text form, dates at any depth and at the top", () => {
    for (const given of [sample(), [sample()], new Date(5), "text", 0, null]) {
      const { text, dates } = toText(toPlain(given).value)
      assert.deepEqual(fromText(text, dates), given)
    }
  })

  it("treat __proto__ as a name like any other", () => {
    const given = JSON.parse('{"__proto__": {"polluted": true}}')
    const { value } = toPlain(given)
    for (const result of [value, copyOf(value)] as object[]) {
      assert.deepEqual(Object.keys(result), ["__proto__"])
      assert.equal((result as { polluted?: boolean }).polluted, undefined)
    }
  })

  it("refuse what contains itself, bigints, and functions", () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    assert.throws(() => toPlain(loop), TypeError)
    assert.throws(() => toPlain({ big: 1n }), TypeError)
    assert.throws(() => toPlain(() => 1), TypeError)
  })

  it("are told from what a copy would be another of", () => {
    assert.ok(isPlain(sample()))
    for (const value of [1n, () => 1, new Map(), Number.POSITIVE_INFINITY, Number.NaN]) {
      assert.equal(isPlain([{ value }]), false)
    }
  })

  it("grow in size with their content", () => {
    assert.ok(toPlain("x".repeat(10_000)).bytes > 10_000)
    assert.ok(toPlain([sample(), sample()]).bytes > toPlain([sample()]).bytes)
  })
})
