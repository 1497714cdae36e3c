/**
 * The endpoint table: every row as one shopper meets it, in order, with what a right answer must say.
 * A row remembers what the next ones need.
 */
import { z } from "zod"
import type { Request } from "../client"
import { demand, WrongAnswer } from "../errors"
import { homeCountry, type Store } from "../store"
import { demandEqual, demandPromotion, demandRightSums } from "./arithmetic"
import * as shapes from "./shapes"

/** How many products the list row asks for. */
export const pageSize = 50

export interface Shopper {
  readonly store: Store
  /** The product this shopper is going to buy. */
  readonly productId: string
  /** How many products the store has in all. */
  readonly catalogueSize: number
  variant: { id: string; price: number }
  cart: { id: string; total: number }
  shippingOption: { id: string; amount: number }
  paymentCollectionId: string
  order: { id: string; total: number }
}

export interface Row {
  name: string
  /** Whether every store must give the same answer to it. */
  same: boolean
  request(shopper: Shopper): Request
  /** @throws WrongAnswer */
  check(shopper: Shopper, body: unknown): void
}

function row<Body>(
  name: string,
  shape: z.ZodType<Body>,
  request: (shopper: Shopper) => Request,
  check: (shopper: Shopper, body: Body) => void,
  { same = false } = {},
): Row {
  return {
    name,
    same,
    request,
    check(shopper, body) {
      const parsed = shape.safeParse(body)
      if (parsed.success) return check(shopper, parsed.data)
      const { path, message } = parsed.error.issues[0]!
      throw new WrongAnswer(`${path.join(".") || "the answer"}: ${message}`)
    },
  }
}

const get = (path: string): Request => ({ method: "GET", path })
const post = (path: string, body: object = {}): Request => ({ method: "POST", path, body })

const cartBody = z.object({ cart: shapes.cart })
const orderBody = z.object({ order: shapes.order })
const collectionBody = z.object({ payment_collection: shapes.paymentCollection })

/** The totals of the cart hold, and are what later rows are compared with. */
function rememberCart(shopper: Shopper, cart: shapes.Cart): void {
  demandRightSums(cart)
  shopper.cart = { id: cart.id, total: cart.total }
}

function demandTheLine(shopper: Shopper, cart: shapes.Cart): void {
  const [item, ...others] = cart.items
  demand(item !== undefined && others.length === 0, `the cart has ${cart.items.length} lines, not 1`)
  demand(item.variant_id === shopper.variant.id, "the line is not of the variant that was added")
  demand(item.quantity === 1, `the line has quantity ${item.quantity}`)
  demandEqual("unit_price", item.unit_price, shopper.variant.price)
}

function demandTheMethod(shopper: Shopper, cart: shapes.Cart): void {
  const [method, ...others] = cart.shipping_methods
  const count = cart.shipping_methods.length
  demand(method !== undefined && others.length === 0, `the cart has ${count} shipping methods, not 1`)
  demand(method.shipping_option_id === shopper.shippingOption.id, "the shipping method is not the chosen one")
  demandEqual("shipping amount", method.amount, shopper.shippingOption.amount)
}

function address(country: string) {
  return {
    first_name: "Ada",
    last_name: "Shopper",
    address_1: "Example Street 1",
    city: "Exampleton",
    postal_code: "10115",
    country_code: country,
  }
}

export const table: readonly Row[] = [
  row(
    `GET /store/products (${pageSize}, with prices)`,
    z.object({ products: z.array(shapes.product) }),
    ({ store }) =>
      get(`/store/products?limit=${pageSize}&region_id=${store.regionId}&fields=*variants.calculated_price`),
    ({ catalogueSize }, { products }) => {
      const expected = Math.min(pageSize, catalogueSize)
      demand(products.length === expected, `the list has ${products.length} products, not ${expected}`)
      const ids = new Set(products.map(({ id }) => id))
      demand(ids.size === expected, "the list names a product twice")
      const unpriced = products.find(({ variants }) => !variants.some(({ calculated_price: p }) => p))
      demand(unpriced === undefined, `the product ${unpriced?.id} has no price`)
    },
    { same: true },
  ),
  row(
    "GET /store/product-categories",
    z.object({ product_categories: z.array(z.object({ id: z.string() })) }),
    () => get("/store/product-categories"),
    (_, { product_categories }) => demand(product_categories.length > 0, "there are no categories"),
    { same: true },
  ),
  row(
    "GET /store/products/:id",
    z.object({ product: shapes.product }),
    ({ store, productId }) =>
      get(`/store/products/${productId}?region_id=${store.regionId}&fields=*variants.calculated_price`),
    (shopper, { product }) => {
      demand(product.id === shopper.productId, `the product is ${product.id}`)
      const variant = product.variants.find(({ calculated_price }) => calculated_price)
      demand(variant !== undefined, "no variant has a price")
      shopper.variant = { id: variant.id, price: variant.calculated_price!.calculated_amount }
    },
    { same: true },
  ),
  row(
    "GET /store/regions",
    z.object({ regions: z.array(z.object({ id: z.string() })) }),
    () => get("/store/regions"),
    ({ store }, { regions }) =>
      demand(
        regions.some(({ id }) => id === store.regionId),
        "the region is not among the regions",
      ),
    { same: true },
  ),
  row(
    "POST /store/carts",
    cartBody,
    ({ store }) => post("/store/carts", { region_id: store.regionId }),
    (shopper, { cart }) => {
      demand(cart.region_id === shopper.store.regionId, "the cart is of another region")
      demand(cart.items.length === 0, "the new cart is not empty")
      rememberCart(shopper, cart)
    },
  ),
  row(
    "POST /store/carts/:id/line-items",
    cartBody,
    ({ cart, variant }) =>
      post(`/store/carts/${cart.id}/line-items`, { variant_id: variant.id, quantity: 1 }),
    (shopper, { cart }) => {
      demandTheLine(shopper, cart)
      rememberCart(shopper, cart)
    },
  ),
  row(
    "POST /store/carts/:id (address)",
    cartBody,
    ({ store, cart }) =>
      post(`/store/carts/${cart.id}`, {
        email: "ada.shopper@example.com",
        shipping_address: address(homeCountry(store)),
        billing_address: address(homeCountry(store)),
      }),
    (shopper, { cart }) => {
      demand(cart.email === "ada.shopper@example.com", `the email is ${cart.email}`)
      const country = cart.shipping_address?.country_code
      demand(country === homeCountry(shopper.store), `the shipping address is in ${country}`)
      demandTheLine(shopper, cart)
      demand(cart.items[0]!.tax_lines.length > 0, "no tax was applied")
      rememberCart(shopper, cart)
    },
  ),
  row(
    "GET /store/shipping-options",
    z.object({ shipping_options: z.array(shapes.shippingOption) }),
    ({ cart }) => get(`/store/shipping-options?cart_id=${cart.id}`),
    (shopper, { shipping_options }) => {
      const priced = shipping_options.flatMap(({ id, amount }) => (amount == null ? [] : { id, amount }))
      const [cheapest] = priced.sort((a, b) => a.amount - b.amount || (a.id < b.id ? -1 : 1))
      demand(cheapest !== undefined, "no shipping option has a price")
      demand(cheapest.amount >= 0, `a shipping option costs ${cheapest.amount}`)
      shopper.shippingOption = cheapest
    },
  ),
  row(
    "POST /store/carts/:id/shipping-methods",
    cartBody,
    ({ cart, shippingOption }) =>
      post(`/store/carts/${cart.id}/shipping-methods`, { option_id: shippingOption.id }),
    (shopper, { cart }) => {
      demandTheLine(shopper, cart)
      demandTheMethod(shopper, cart)
      rememberCart(shopper, cart)
    },
  ),
  row(
    "POST /store/carts/:id/promotions",
    cartBody,
    ({ store, cart }) => post(`/store/carts/${cart.id}/promotions`, { promo_codes: [store.promotionCode] }),
    (shopper, { cart }) => {
      demandPromotion(cart, shopper.store.promotionCode)
      demand(cart.total < shopper.cart.total, "the total is not less than before the promotion")
      rememberCart(shopper, cart)
    },
  ),
  row(
    "GET /store/carts/:id",
    cartBody,
    ({ cart }) => get(`/store/carts/${cart.id}`),
    (shopper, { cart }) => {
      demand(cart.id === shopper.cart.id, `the cart is ${cart.id}`)
      demandEqual("total", cart.total, shopper.cart.total)
      demandTheLine(shopper, cart)
      demandTheMethod(shopper, cart)
      demandPromotion(cart, shopper.store.promotionCode)
      rememberCart(shopper, cart)
    },
  ),
  row(
    "POST /store/payment-collections",
    collectionBody,
    ({ cart }) => post("/store/payment-collections", { cart_id: cart.id }),
    (shopper, { payment_collection }) => {
      demandEqual("amount", payment_collection.amount, shopper.cart.total)
      shopper.paymentCollectionId = payment_collection.id
    },
  ),
  row(
    "POST /store/payment-collections/:id/payment-sessions",
    collectionBody,
    ({ paymentCollectionId: id }) =>
      post(`/store/payment-collections/${id}/payment-sessions`, { provider_id: "pp_system_default" }),
    (shopper, { payment_collection }) => {
      const session = payment_collection.payment_sessions.find(
        (one) => one.provider_id === "pp_system_default",
      )
      demand(session !== undefined, "there is no payment session")
      demandEqual("the session's amount", session.amount, shopper.cart.total)
    },
  ),
  row(
    "POST /store/carts/:id/complete",
    orderBody.extend({ type: z.literal("order") }),
    ({ cart }) => post(`/store/carts/${cart.id}/complete`),
    (shopper, { order }) => {
      demandEqual("the order's total", order.total, shopper.cart.total)
      demand(order.items[0]?.variant_id === shopper.variant.id, "the order is not of the variant bought")
      shopper.order = { id: order.id, total: order.total }
    },
  ),
  row(
    "GET /store/orders/:id",
    orderBody,
    ({ order }) => get(`/store/orders/${order.id}`),
    (shopper, { order }) => {
      demand(order.id === shopper.order.id, `the order is ${order.id}`)
      demandEqual("the order's total", order.total, shopper.order.total)
      demand(order.items[0]?.variant_id === shopper.variant.id, "the order is not of the variant bought")
    },
  ),
]

/** A shopper who has not yet done anything; each row fills in what it learnt. */
export function newShopper(store: Store, productId: string, catalogueSize: number): Shopper {
  return {
    store,
    productId,
    catalogueSize,
    variant: { id: "", price: 0 },
    cart: { id: "", total: 0 },
    shippingOption: { id: "", amount: 0 },
    paymentCollectionId: "",
    order: { id: "", total: 0 },
  }
}
