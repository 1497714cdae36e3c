import assert from "node:assert/strict"
import { test } from "node:test"
import { firstDifference, normalise } from "../../src/bench/normalise"

const difference = (left: unknown, right: unknown) => firstDifference(normalise(left), normalise(right))

test("ids, times and the order of keys and nested lists make no difference", () => {
  const left = {
    products: [
      { id: "prod_1", title: "Chair", created_at: "2026-01-01", tags: [{ value: "a" }, { value: "b" }] },
    ],
  }
  const right = {
    products: [
      { title: "Chair", id: "prod_2", created_at: "2026-02-02", tags: [{ value: "b" }, { value: "a" }] },
    ],
  }
  assert.equal(difference(left, right), undefined)
})

test("the order of the list itself does", () => {
  assert.match(
    difference({ products: [{ t: 1 }, { t: 2 }] }, { products: [{ t: 2 }, { t: 1 }] })!,
    /products\[0\]\.t/,
  )
})

test("the first difference is named with its place", () => {
  assert.equal(
    difference({ product: { variants: [{ price: 10 }] } }, { product: { variants: [{ price: 12 }] } }),
    "answer.product.variants[0].price is 12, not 10",
  )
  assert.equal(difference({ a: 1, b: null }, { a: 1 }), "answer.b is missing")
  assert.equal(difference({ a: 1 }, { a: 1, b: 2 }), "answer.b is extra")
  assert.equal(difference({ a: [] }, { a: {} }), "answer.a is {}, not []")
})
