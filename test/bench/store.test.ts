import assert from "node:assert/strict"
import { test } from "node:test"
import { BenchError } from "../../src/bench/errors"
import { homeCountry, parseStore, readStore } from "../../src/bench/store"
import { ready } from "./ready"

const coded = (code: string) => (error: unknown) => error instanceof BenchError && error.code === code

test("the description of a store is read with or without READY in front", async () => {
  for (const source of [JSON.stringify(ready), `READY ${JSON.stringify(ready)}`]) {
    const store = await readStore("off", source)
    assert.equal(store.label, "off")
    assert.equal(store.url, "http://127.0.0.1:9000")
  }
})

test("what is wrong with a description is named", () => {
  assert.throws(
    () => parseStore("off", { ...ready, url: "nowhere", publishableKey: undefined }),
    (error: unknown) => {
      assert.ok(coded("BENCH_STORE_INVALID")(error))
      assert.match((error as Error).message, /"off".*url: .*publishableKey: /)
      return true
    },
  )
})

test("the region must be one of the regions", () => {
  assert.throws(() => parseStore("off", { ...ready, regionId: "reg_other" }), /regionId: names none/)
})

test("a description that is neither a file nor JSON has an error of its own", async () => {
  await assert.rejects(readStore("off", "no-such-file.json"), coded("BENCH_STORE_UNREADABLE"))
  await assert.rejects(readStore("off", "{ half"), coded("BENCH_STORE_UNREADABLE"))
})

test("the shopper lives in Germany when the region has it", () => {
  assert.equal(homeCountry(parseStore("off", ready)), "de")
  const regions = [{ id: "reg_1", currency: "usd", countries: ["us", "ca"] }]
  assert.equal(homeCountry(parseStore("off", { ...ready, regions })), "us")
})
