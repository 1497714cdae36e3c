/** A shopper nobody here wrote: Medusa's own SDK, from the list to the completed order. */
import assert from "node:assert/strict"
import Medusa from "@medusajs/js-sdk"
import type { Ready } from "./store"

export const address = {
  first_name: "Ada",
  last_name: "Lovelace",
  address_1: "Hauptstr. 1",
  city: "Berlin",
  postal_code: "10115",
  country_code: "de",
}

export function sdkOf(ready: Ready): Medusa {
  return new Medusa({
    baseUrl: ready.url,
    publishableKey: ready.publishableKey,
    auth: { type: "jwt", jwtTokenStorageMethod: "memory" },
  })
}

/**
 * Shops once; every answer is checked for its meaning.
 * @param email another one for each who shops at once: Medusa makes a guest's customer without a lock, and refuses
 * whoever comes second (`findOrCreateCustomerStep`, Medusa 2.21.2)
 * @returns the order
 */
export async function shop(ready: Ready, email = "ada@example.com") {
  const { store } = sdkOf(ready)
  const { products } = await store.product.list({
    region_id: ready.regionId,
    fields: "*variants.calculated_price",
    limit: 5,
  })
  const { id, variants } = products[0]!
  const variant = variants![0]!
  const price = variant.calculated_price!.calculated_amount!
  const { cart } = await store.cart.create({ region_id: ready.regionId })
  await store.cart.createLineItem(cart.id, { variant_id: variant.id, quantity: 2 })
  const addressed = await store.cart.update(cart.id, {
    email,
    shipping_address: address,
    billing_address: address,
  })
  assert.equal(addressed.cart.item_subtotal, price * 2)
  const profile = await profileOf(id, ready)
  const { shipping_options } = await store.fulfillment.listCartOptions({ cart_id: cart.id })
  const option = shipping_options.find(({ shipping_profile_id: offered }) => offered === profile)!
  await store.cart.addShippingMethod(cart.id, { option_id: option.id })
  const { cart: reduced } = await store.cart.update(cart.id, { promo_codes: [ready.promotionCode] })
  assert.ok(reduced.discount_total > 0)
  await store.payment.initiatePaymentSession(reduced, { provider_id: "pp_system_default" })
  const completed = await store.cart.complete(cart.id)
  assert.equal(completed.type, "order")
  assert.ok(completed.type === "order")
  assert.equal(completed.order.total, reduced.total)
  return completed.order
}

/** How a product ships, which only an admin sees: a cart is offered options of every profile. */
async function profileOf(product: string, ready: Ready): Promise<string | undefined> {
  const { admin } = await adminOf(ready)
  return (await admin.product.retrieve(product, { fields: "shipping_profile.id" })).product.shipping_profile
    ?.id
}

/** An SDK that may change the catalogue. */
export async function adminOf(ready: Ready): Promise<Medusa> {
  const sdk = sdkOf(ready)
  await sdk.auth.login("user", "emailpass", { email: ready.adminEmail, password: ready.adminPassword })
  return sdk
}
