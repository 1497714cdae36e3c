import assert from "node:assert/strict"
import { it } from "node:test"
import { isOfOrder, isOfShopper, isPromotion } from "../../src/feed"

it("tells whose a table is", () => {
  const kinds = { isOfShopper, isOfOrder, isPromotion }
  const expected: Record<string, string[]> = {
    isOfShopper: ["cart", "cart_line_item", "cart_promotion", "credit_line", "customer", "customer_address"],
    isOfOrder: ["order_line_item_adjustment", "order_shipping_method_adjustment", "order_payment_collection"],
    isPromotion: ["promotion", "promotion_rule", "promotion_campaign", "application_method_target_rules"],
    none: [
      ...[
        "order",
        "order_summary",
        "order_item",
        "order_transaction",
        "order_line_item_tax_line",
        "order_change",
      ],
      ...[
        "payment",
        "payment_collection",
        "payment_session",
        "refund",
        "inventory_level",
        "reservation_item",
      ],
      ...["promotion_campaign_budget", "promotion_campaign_budget_usage", "promotion_points", "gift_card"],
    ],
  }
  for (const [kind, tables] of Object.entries(expected)) {
    for (const table of tables) {
      const found = Object.entries(kinds).flatMap(([name, is]) => (is(table) ? [name] : []))
      assert.deepEqual(found, kind === "none" ? [] : [kind], table)
    }
  }
})
