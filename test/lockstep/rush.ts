/** Many buyers, few pieces: every buyer fills a cart, then all complete at once. */
import { ask, parsed } from "../support/ask"
import { address } from "../support/shopper"
import type { Ready } from "../support/store"
import { alone, type Bought, inStock } from "./alone"

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

export function rush(cache: "off" | "pegasus", buyers: number, pieces: number): Promise<Rush> {
  return alone("rush", cache, async (ready, query) => {
    const [bought] = await inStock(query, 1, pieces)
    const carts: { id: string; total: number }[] = []
    let waiting = buyers
    const filling = async () => {
      while (waiting-- > 0) carts.push(await fill(ready, bought!, `ada${waiting}@example.com`))
    }
    await Promise.all([filling(), filling(), filling(), filling()])
    const answers = await Promise.all(
      carts.map(async ({ id, total }) => ({ total, ...(await post(ready, `carts/${id}/complete`)) })),
    )
    const orders = answers.filter(({ body }) => body.type === "order")
    const { rows: promised } = await query(
      "select coalesce(sum(quantity), 0) as sum from reservation_item where inventory_item_id = $1 and deleted_at is null",
      [bought!.item],
    )
    return {
      orders: orders.length,
      refused: answers.length - orders.length,
      reserved: Number(promised[0].sum),
      pieces,
      wrongTotals: orders.filter(({ total, body }) => body.order.total !== total).length,
    }
  })
}

async function fill(ready: Ready, bought: Bought, email: string): Promise<{ id: string; total: number }> {
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
