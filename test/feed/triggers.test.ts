import assert from "node:assert/strict"
import { it } from "node:test"
import { isOfShopper } from "../../src/feed"

it("what is a shopper's own is his cart, who he is, and what is written once with his order", () => {
  const own = ["cart", "cart_line_item", "cart_promotion", "credit_line", "customer", "customer_address"]
  const ofOrder = ["order_line_item_adjustment", "order_shipping_method_tax_line", "order_payment_collection"]
  const others = [
    "order",
    "order_summary",
    "order_item",
    "order_transaction",
    "order_fulfillment",
    "order_change",
  ]
  const money = ["payment", "payment_collection", "payment_session", "promotion_campaign_budget", "refund"]
  const stock = ["inventory_level", "reservation_item"]
  const isOwn = (table: string) => [table, isOfShopper(table)]
  assert.deepEqual(
    [...own, ...ofOrder].map(isOwn),
    [...own, ...ofOrder].map((table) => [table, true]),
  )
  const not = [...others, ...money, ...stock]
  assert.deepEqual(
    not.map(isOwn),
    not.map((table) => [table, false]),
  )
})
