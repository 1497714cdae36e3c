import assert from "node:assert/strict"
import { test } from "node:test"
import { demandPromotion, demandRightSums } from "../../src/bench/rows/arithmetic"
import { cart as shape } from "../../src/bench/rows/shapes"

/** A chair for 100 without tax and shipping for 11.90 with it, 19 % tax, 10 % off the chair. */
const cart = shape.parse({
  id: "cart_1",
  region_id: "reg_1",
  total: 119,
  item_total: 107.1,
  shipping_total: 11.9,
  tax_total: 19,
  discount_total: 11.9,
  items: [
    {
      variant_id: "variant_1",
      quantity: 1,
      unit_price: 100,
      is_tax_inclusive: false,
      tax_lines: [{ rate: 19 }],
      adjustments: [{ code: "WELCOME10", amount: 10 }],
    },
  ],
  shipping_methods: [
    { shipping_option_id: "so_1", amount: 11.9, is_tax_inclusive: true, tax_lines: [{ rate: 19 }] },
  ],
  promotions: [{ code: "WELCOME10", application_method: { type: "percentage", value: 10 } }],
})

test("a cart whose totals are the sums of its lines is right", () => {
  demandRightSums(cart)
  demandPromotion(cart, "WELCOME10")
})

test("each total that is not is named", () => {
  for (const name of ["total", "item_total", "shipping_total", "tax_total"] as const) {
    assert.throws(() => demandRightSums({ ...cart, [name]: cart[name] + 0.02 }), {
      name: "WrongAnswer",
      message: new RegExp(`^${name} is`),
    })
  }
})

test("a promotion that is missing, or takes another amount, is a wrong answer", () => {
  assert.throws(() => demandPromotion(cart, "OTHER"), /OTHER is not in the cart/)
  const [item] = cart.items
  const taking = (amount: number) => ({
    ...cart,
    items: [{ ...item!, adjustments: [{ code: "WELCOME10", amount }] }],
  })
  assert.throws(() => demandPromotion(taking(0), "WELCOME10"), /takes nothing/)
  assert.throws(() => demandPromotion(taking(9), "WELCOME10"), /takes 9, not 9.99 to 11.91/)
})
