/** Many buyers, few pieces: every buyer fills a cart, then all complete at once. */
import { need } from "../../demo/run/services"
import { withClient } from "../../src/feed"
import { ask, parsed } from "../support/ask"
import { createDatabase } from "../support/database"
import { address } from "../support/shopper"
import { type Ready, startStore } from "../support/store"

// biome-ignore lint/suspicious/noExplicitAny: what a store answers
type Body = any

export interface Rush {
  orders: number
  refused: number
  /** Pieces that are promised, and how many there were. */
  reserved: number
  pieces: number
  /** Orders whose total is not that of their cart. */
  wrongTotals: number
}

export async function rush(cache: "off" | "pegasus", buyers: number, pieces: number): Promise<Rush> {
  const services = await need(["redis"])
  const database = await createDatabase(`pegasus_rush_${cache}`)
  const args = ["--cache", cache, "--database-url", database.url, "--redis-url", services.urls.redis]
  const { ready, stop } = await startStore(args)
  const query = (text: string, values: unknown[] = []) =>
    withClient({ connectionString: database.url }, undefined, (client) => client.query(text, values))
  try {
    const { rows } = await query(
      `select i.variant_id as variant, i.inventory_item_id as item, p.shipping_profile_id as profile
       from product_variant_inventory_item i join product_variant v on v.id = i.variant_id
         join product_shipping_profile p using (product_id) order by 1 limit 1`,
    )
    const { item, ...bought } = rows[0]
    await query(
      `update inventory_level set stocked_quantity = $2::numeric, reserved_quantity = 0,
         raw_stocked_quantity = jsonb_build_object('value', $2::numeric::text, 'precision', 20),
         raw_reserved_quantity = jsonb_build_object('value', '0', 'precision', 20) where inventory_item_id = $1`,
      [item, pieces],
    )
    const carts: { id: string; total: number }[] = []
    let waiting = buyers
    const filling = async () => {
      while (waiting-- > 0) carts.push(await fill(ready, bought, `ada${waiting}@example.com`))
    }
    await Promise.all([filling(), filling(), filling(), filling()])
    const answers = await Promise.all(
      carts.map(async ({ id, total }) => ({ total, ...(await post(ready, `carts/${id}/complete`)) })),
    )
    const orders = answers.filter(({ body }) => body.type === "order")
    const { rows: promised } = await query(
      "select coalesce(sum(quantity), 0) as sum from reservation_item where inventory_item_id = $1 and deleted_at is null",
      [item],
    )
    return {
      orders: orders.length,
      refused: answers.length - orders.length,
      reserved: Number(promised[0].sum),
      pieces,
      wrongTotals: orders.filter(({ total, body }) => body.order.total !== total).length,
    }
  } finally {
    await stop()
    await database.drop()
    await services.release()
  }
}

async function fill(
  ready: Ready,
  bought: { variant: string; profile: string },
  email: string,
): Promise<{ id: string; total: number }> {
  const must = async (path: string, body?: object): Promise<Body> => {
    const answer = await post(ready, path, body)
    if (answer.status !== 200) throw new Error(`${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const { cart } = await must("carts", { region_id: ready.regionId })
  await must(`carts/${cart.id}/line-items`, { variant_id: bought.variant, quantity: 1 })
  await must(`carts/${cart.id}`, {
    email,
    shipping_address: address,
    billing_address: address,
  })
  const offered = await ask(ready, { method: "GET", path: `/store/shipping-options?cart_id=${cart.id}` })
  const option = parsed(offered.text).shipping_options.find(
    ({ shipping_profile_id: profile }: Body) => profile === bought.profile,
  )
  const delivered = await must(`carts/${cart.id}/shipping-methods`, { option_id: option.id })
  const { payment_collection } = await must("payment-collections", { cart_id: cart.id })
  await must(`payment-collections/${payment_collection.id}/payment-sessions`, {
    provider_id: "pp_system_default",
  })
  return { id: cart.id, total: delivered.cart.total }
}

async function post(ready: Ready, path: string, body: object = {}): Promise<{ status: number; body: Body }> {
  const { status, text } = await ask(ready, { method: "POST", path: `/store/${path}`, body })
  return { status, body: parsed(text) }
}
