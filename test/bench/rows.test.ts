import assert from "node:assert/strict"
import { test } from "node:test"
import { Ledger, type RowError } from "../../src/bench/rows/ledger"
import { newShopper, table } from "../../src/bench/rows/table"
import { parseStore } from "../../src/bench/store"
import { ready } from "./ready"

const store = parseStore("off", ready)
const step = (i: number, duration: number, statements: number | null = null) => ({
  row: table[i]!,
  duration,
  statements,
  body: {},
})

test("the rows before a wrong answer count, the wrong one and the whole flow do not", () => {
  const errors: RowError[] = []
  const ledger = new Ledger("hot", [store], errors)
  const fault = { row: table[1]!.name, message: "there are no categories" }
  ledger.enter(0, "time", new Map([[store, { steps: [step(0, 12)], fault }]]))
  const { rows, flow } = ledger.result()
  assert.deepEqual(rows[0]!.stores[0]!.samples, [12])
  assert.deepEqual(rows[1]!.stores[0]!.samples, [])
  assert.deepEqual(flow.stores[0]!.samples, [])
  assert.deepEqual(errors, [{ setting: "hot", round: 1, store: "off", ...fault }])
})

test("warm-up and counting flows have no times, and a wrong answer in them is still an error", () => {
  const errors: RowError[] = []
  const ledger = new Ledger("hot", [store], errors)
  const fault = { row: table[1]!.name, message: "status 500" }
  ledger.enter(0, "warm", new Map([[store, { steps: [step(0, 12)], fault }]]))
  ledger.enter(1, "count", new Map([[store, { steps: [step(0, 12, 31)] }]]))
  const [first] = ledger.result().rows[0]!.stores
  assert.equal(first!.n, 0)
  assert.equal(first!.statements, 31)
  assert.equal(errors.length, 1)
})

test("a list that lacks a product, a price, or names one twice is a wrong answer", () => {
  const shopper = newShopper(store, "prod_1", 2)
  const product = (id: string, amount: number | null) => ({
    id,
    variants: [
      { id: `variant_${id}`, calculated_price: amount === null ? null : { calculated_amount: amount } },
    ],
  })
  const check = (...products: object[]) => table[0]!.check(shopper, { products })
  check(product("a", 1), product("b", 0))
  assert.throws(() => check(product("a", 1)), /has 1 products, not 2/)
  assert.throws(() => check(product("a", 1), product("a", 1)), /twice/)
  assert.throws(() => check(product("a", 1), product("b", null)), /b has no price/)
  assert.throws(() => check({ title: "no id" }, product("b", 1)), /products\.0\.id/)
})

test("the cheapest shipping option with a price is chosen", () => {
  const shopper = newShopper(store, "prod_1", 2)
  const row = table.find(({ name }) => name === "GET /store/shipping-options")!
  const option = (id: string, amount: number | null) => ({ id, amount })
  row.check(shopper, { shipping_options: [option("none", null), option("fast", 9), option("slow", 4)] })
  assert.deepEqual(shopper.shippingOption, { id: "slow", amount: 4 })
  assert.throws(() => row.check(shopper, { shipping_options: [option("none", null)] }), /no shipping option/)
})
