/**
 * Many carts at once, while prices and titles change: each cart is its own shopper's, each price one that was true while it was asked
 * for, each total the sum of its parts, each order what its cart said.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { demandRightSums } from "../../src/bench/rows/arithmetic"
import { cart as cartShape } from "../../src/bench/rows/shapes"
import { pickOf, randomOf } from "../history/random"
import { ask, parsed } from "../support/ask"
import { address } from "../support/shopper"
import type { Ready } from "../support/store"
import { alone, type Bought, inStock } from "./alone"

// biome-ignore lint/suspicious/noExplicitAny: what a store answers
type Body = any

export interface Crowd {
  carts: number
  requests: number
  orders: number
  edits: number
  /** What no store may answer. */
  wrong: string[]
}

export interface CrowdOptions {
  cache: "off" | "pegasus"
  carts: number
  /** Milliseconds. */
  duration: number
  seed: number
}

/** How long after a write beside the store the old price may be answered. Milliseconds. */
const bound = 100
const betweenEdits = 400
const pieces = 1_000_000

export function crowd({ cache, carts, duration, seed }: CrowdOptions): Promise<Crowd> {
  return alone("crowd", cache, async (ready, query) => {
    const outcome: Crowd = { carts: 0, requests: 0, orders: 0, edits: 0, wrong: [] }
    // The demo's database, of which this is a copy, may have been bought in.
    const sold = async (): Promise<number[]> => {
      const { rows } = await query(
        `select (select count(*) from "order")::int as orders,
                (select coalesce(sum(quantity), 0) from order_item)::int as ordered,
                (select coalesce(sum(quantity), 0) from reservation_item where deleted_at is null)::int as reserved`,
      )
      return [rows[0].orders, rows[0].ordered, rows[0].reserved]
    }
    const bought = await inStock(query, 6, pieces)
    const before = await sold()
    const prices = new Prices(query)
    for (const { variant } of bought) await prices.change(variant, 50)
    const end = Date.now() + duration
    const editing = async () => {
      const random = randomOf(seed)
      const pick = pickOf(random)
      while (Date.now() < end) {
        await sleep(betweenEdits)
        await prices.change(pick(bought).variant, Math.round(random() * 10_000) / 100)
        outcome.edits++
      }
    }
    const shopping = async (_: unknown, i: number) => {
      const random = randomOf(seed + 1 + i)
      for (let n = 0; Date.now() < end; n++) {
        const shopper = new Shopper(ready, prices, `ada-${i}-${n}@example.com`, outcome)
        await shopper.shop(pickOf(random)(bought), random).catch((error) => {
          outcome.wrong.push(`${shopper.email}: ${error instanceof Error ? error.message : error}`)
        })
      }
    }
    await Promise.all([editing(), ...Array.from({ length: carts }, shopping)])
    const [orders, ordered, reserved] = (await sold()).map((count, i) => count - before[i]!)
    if (orders !== outcome.orders)
      outcome.wrong.push(`${outcome.orders} orders were told, ${orders} are there`)
    if (ordered !== reserved) outcome.wrong.push(`${ordered} pieces were ordered, ${reserved} are reserved`)
    return outcome
  })
}

/** What variants cost, and when. */
class Prices {
  private readonly known = new Map<string, { amount: number; from: number; to: number }[]>()

  constructor(private readonly query: (text: string, values: unknown[]) => Promise<unknown>) {}

  /** In every currency and list. */
  async change(variant: string, amount: number): Promise<void> {
    const history = this.known.get(variant) ?? []
    this.known.set(variant, history)
    const last = history.at(-1)
    history.push({ amount, from: Date.now(), to: Number.POSITIVE_INFINITY })
    await this.query(
      `update price set amount = $2::numeric, raw_amount = jsonb_build_object('value', $2::numeric::text, 'precision', 20), updated_at = now()
       where price_set_id in (select price_set_id from product_variant_price_set where variant_id = $1)`,
      [variant, amount],
    )
    if (last) last.to = Date.now() + bound
  }

  /** Whether it cost that much at some moment between. */
  held(variant: string, amount: number, from: number, to: number): boolean {
    const history = this.known.get(variant) ?? []
    return history.some((one) => one.amount === amount && one.from <= to && one.to >= from)
  }
}

class Shopper {
  private cart: Body = { id: undefined }

  constructor(
    private readonly ready: Ready,
    private readonly prices: Prices,
    readonly email: string,
    private readonly outcome: Crowd,
  ) {}

  async shop({ variant, profile }: Bought, random: () => number): Promise<void> {
    await this.change("", { region_id: this.ready.regionId })
    this.outcome.carts++
    const from = Date.now()
    await this.change("/line-items", { variant_id: variant, quantity: 1 })
    const [{ id: line, unit_price: price }] = this.cart.items
    if (!this.prices.held(variant, price, from, Date.now())) throw new Error(`never at that time: ${price}`)
    const own = { ...address, address_1: this.email }
    await this.change("", { email: this.email, shipping_address: own, billing_address: own })
    if (random() < 0.5) await this.change(`/line-items/${line}`, { quantity: 1 + Math.floor(random() * 3) })
    const { shipping_options } = await this.ask("GET", `shipping-options?cart_id=${this.cart.id}`)
    const option = shipping_options.find((one: Body) => one.shipping_profile_id === profile)
    await this.change("/shipping-methods", { option_id: option.id })
    if (random() < 0.5) await this.change("/promotions", { promo_codes: [this.ready.promotionCode] })
    const { cart } = await this.ask("GET", `carts/${this.cart.id}`)
    if (cart.total !== this.cart.total) throw new Error(`the cart is ${cart.total}, was ${this.cart.total}`)
    if (random() < 0.3) return
    const { payment_collection } = await this.ask("POST", "payment-collections", { cart_id: cart.id })
    await this.ask("POST", `payment-collections/${payment_collection.id}/payment-sessions`, {
      provider_id: "pp_system_default",
    })
    const { type, order } = await this.ask("POST", `carts/${cart.id}/complete`, {})
    if (type !== "order") throw new Error(`no order: ${type}`)
    this.outcome.orders++
    if (order.total !== cart.total) throw new Error(`the order is ${order.total}, its cart ${cart.total}`)
    if (order.email !== this.email) throw new Error(`the order is of ${order.email}`)
  }

  private async change(path: string, body: object): Promise<void> {
    const { id } = this.cart
    const { cart } = await this.ask("POST", id ? `carts/${id}${path}` : "carts", body)
    if (id && cart.id !== id) throw new Error(`asked for ${id}, got ${cart.id}`)
    if (cart.email && cart.email !== this.email) throw new Error(`the cart is of ${cart.email}`)
    const street = cart.shipping_address?.address_1
    if (street && street !== this.email) throw new Error(`the address is of ${street}`)
    demandRightSums(cartShape.parse(cart))
    this.cart = cart
  }

  private async ask(method: string, path: string, body?: object): Promise<Body> {
    this.outcome.requests++
    const { status, text } = await ask(this.ready, { method, path: `/store/${path}`, body })
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${text.slice(0, 200)}`)
    return parsed(text)
  }
}
