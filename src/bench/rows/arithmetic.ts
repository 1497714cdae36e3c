/**
 * The sums of a cart, done again from its lines: price x quantity, less what promotions take, plus tax.
 * Prices and promotions may each be with or without tax.
 */
import { demand } from "../errors"
import type { Cart } from "./shapes"

/** Amounts are equal when less than this apart: stores round at different places. */
const cent = 0.011

interface Taxed {
  is_tax_inclusive?: boolean | null | undefined
  tax_lines: { rate: number }[]
  adjustments: {
    code?: string | null | undefined
    amount: number
    is_tax_inclusive?: boolean | null | undefined
  }[]
}

interface Sum {
  total: number
  tax: number
}

function sumOf(line: Taxed, amount: number): Sum {
  const rate = line.tax_lines.reduce((sum, tax) => sum + tax.rate / 100, 0)
  const net = (value: number, inclusive: boolean | null | undefined) =>
    inclusive ? value / (1 + rate) : value
  const discount = line.adjustments.reduce((sum, given) => sum + net(given.amount, given.is_tax_inclusive), 0)
  const taxable = net(amount, line.is_tax_inclusive) - discount
  return { total: taxable * (1 + rate), tax: taxable * rate }
}

function together(sums: Sum[]): Sum {
  return sums.reduce((all, sum) => ({ total: all.total + sum.total, tax: all.tax + sum.tax }), {
    total: 0,
    tax: 0,
  })
}

/** @throws WrongAnswer when a total of the cart is not what its lines add up to */
export function demandRightSums(cart: Cart): void {
  const items = together(cart.items.map((item) => sumOf(item, item.unit_price * item.quantity)))
  const shipping = together(cart.shipping_methods.map((method) => sumOf(method, method.amount)))
  demandEqual("item_total", cart.item_total, items.total)
  demandEqual("shipping_total", cart.shipping_total, shipping.total)
  demandEqual("tax_total", cart.tax_total, items.tax + shipping.tax)
  demandEqual("total", cart.total, items.total + shipping.total)
}

/**
 * A promotion of so many percent takes them from the items, with or without tax, before or after what other
 * promotions took.
 * @throws WrongAnswer when the promotion is not in the cart, or takes another amount
 */
export function demandPromotion(cart: Cart, code: string): void {
  const promotion = cart.promotions.find((candidate) => candidate.code === code)
  demand(promotion !== undefined, `the promotion ${code} is not in the cart`)
  const given = (own: boolean) => (sum: number, item: Taxed) =>
    sum + item.adjustments.reduce((all, one) => all + ((one.code === code) === own ? one.amount : 0), 0)
  const taken = cart.items.reduce(given(true), 0)
  demand(taken > 0, `the promotion ${code} takes nothing`)
  demand(cart.discount_total > 0, "discount_total is 0")
  if (promotion.application_method?.type !== "percentage") return

  const part = promotion.application_method.value / 100
  const sums = cart.items.map((item) => sumOf({ ...item, adjustments: [] }, item.unit_price * item.quantity))
  const { total: gross, tax } = together(sums)
  const least = part * (gross - tax - cart.items.reduce(given(false), 0)) - cent
  const most = part * gross + cent
  const range = `${least.toFixed(2)} to ${most.toFixed(2)}`
  demand(taken >= least && taken <= most, `the promotion ${code} takes ${taken}, not ${range}`)
}

/** @throws WrongAnswer */
export function demandEqual(name: string, actual: number, expected: number): void {
  demand(Math.abs(actual - expected) < cent, `${name} is ${actual}, not ${Number(expected.toFixed(4))}`)
}
