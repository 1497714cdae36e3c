/** A shopper by chance, in two stores at once; and shopkeepers who change prices, taxes, promotions and options meanwhile. */
import { setTimeout as sleep } from "node:timers/promises"
import { pickOf } from "../history/random"
import type { Body, Mine, Pair } from "./pair"

type Random = () => number
type Json = Record<string, unknown>

/** How long the news of raw SQL may be on their way, in milliseconds. */
const bound = 100
const codes = ["PEGASUS10", "SHIPFREE", "BUY2GET1", "NOSUCHCODE"]
const people = [undefined, undefined, "anna.keller@pegasus.test", "bruno.martin@pegasus.test"]
const password = "pegasus-demo"

/** What the flows know of the catalogue, which is the same in both. */
export interface Scenery {
  variants: string[]
  promotions: { id: string; method: string }[]
  rates: string[]
  options: { id: string; price: string }[]
  lists: string[]
  regions: { id: string; countries: string[] }[]
}

export async function readScenery(pair: Pair): Promise<Scenery> {
  const column = async (sql: string) => (await pair.sql(sql)).map(({ id }) => id as string)
  return {
    variants: await column("select id from product_variant where deleted_at is null order by id"),
    promotions: (await pair.sql(
      "select p.id, m.id as method from promotion p join promotion_application_method m on m.promotion_id = p.id order by p.code",
    )) as Scenery["promotions"],
    rates: await column("select id from tax_rate where deleted_at is null order by id"),
    options: (await pair.sql(
      `select s.shipping_option_id as id, min(p.id) as price from shipping_option_price_set s
       join price p on p.price_set_id = s.price_set_id where p.rules_count = 0 group by 1 order by 1`,
    )) as Scenery["options"],
    lists: await column("select id from price_list where deleted_at is null order by id"),
    regions: pair.first.ready.regions,
  }
}

/** One shopper, from the first look to the order or to giving up. @returns how many requests were compared */
export async function shop(pair: Pair, scenery: Scenery, random: Random, trail: string[]): Promise<number> {
  pair.forget()
  let asked = 0
  const pick = pickOf(random)
  const ask = async (what: string, method: string, path: Own<string>, body?: Own<object>) => {
    trail.push(what)
    asked++
    return pair.ask(what, (mine) => {
      const place = of(path, mine)
      const token = place.startsWith("/admin") ? mine.adminToken : mine.known.token
      return { method, path: place, token, ...(body === undefined ? {} : { body: of(body, mine) }) }
    })
  }
  const remember = (
    name: string,
    said: { answers: [Body, Body]; stores: [Mine, Mine] },
    get: (body: Body) => unknown,
  ) => {
    said.stores.forEach((store, index) => {
      const value = get(said.answers[index])
      if (typeof value === "string") store.known[name] = value
    })
  }
  const cartPath = (rest: string) => (mine: Mine) => `/store/carts/${mine.known.cart}${rest}`
  /** Items by the order in which they were added, which is the same in both. */
  const items = (body: Body): Body[] =>
    [...(body.cart?.items ?? [])].sort((a, b) =>
      a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.id < b.id ? -1 : 1,
    )

  const email = pick(people)
  if (email) {
    const login = await ask(`log in ${email}`, "POST", "/auth/customer/emailpass", { email, password })
    remember("token", login, ({ token }) => token)
  }
  let region = pick(scenery.regions)
  const start = await ask("cart", "POST", "/store/carts", { region_id: region.id })
  remember("cart", start, ({ cart }) => cart.id)
  let lines: [Body[], Body[]] = [[], []]
  const see = ({ status, answers }: { status: number; answers: [Body, Body] }) => {
    if (status === 200 && answers[0].cart?.items) lines = [items(answers[0]), items(answers[1])]
  }
  const addressed = () => ({
    first_name: "Ada",
    last_name: "Shopper",
    address_1: "Example Street 1",
    city: "Exampleton",
    postal_code: "10115",
    country_code: pick(region.countries),
  })
  const line = (index: number) => (mine: Mine) =>
    `/store/carts/${mine.known.cart}/line-items/${lines[mine === pair.first ? 0 : 1][index]!.id}`

  const add = async () => {
    const body = { variant_id: pick(scenery.variants), quantity: 1 + Math.floor(random() * 3) }
    see(await ask(`add ${body.variant_id} x${body.quantity}`, "POST", cartPath("/line-items"), body))
  }
  const address = async () => {
    const shipping_address = addressed()
    const body = { email: email ?? "ada@example.com", shipping_address, billing_address: shipping_address }
    see(await ask(`address ${shipping_address.country_code}`, "POST", cartPath(""), body))
  }
  const deliver = async () => {
    const { answers } = await ask(
      "options",
      "GET",
      (mine) => `/store/shipping-options?cart_id=${mine.known.cart}`,
    )
    const offered = answers[0].shipping_options as Body[]
    if (!offered?.length) return
    const option_id = pick(offered.map(({ id }) => id as string).sort())
    see(await ask(`deliver ${option_id}`, "POST", cartPath("/shipping-methods"), { option_id }))
  }
  const steps: [weight: number, step: () => Promise<unknown>][] = [
    [6, add],
    [
      3,
      async () => {
        if (lines[0].length === 0) return
        const index = Math.floor(random() * lines[0].length)
        const quantity = Math.floor(random() * 5)
        see(await ask(`quantity ${index} = ${quantity}`, "POST", line(index), { quantity }))
      },
    ],
    [
      1,
      async () => {
        if (lines[0].length === 0) return
        const index = Math.floor(random() * lines[0].length)
        await ask(`remove ${index}`, "DELETE", line(index))
        see(await ask("look", "GET", cartPath("")))
      },
    ],
    [3, address],
    [
      1,
      async () => {
        region = pick(scenery.regions)
        see(await ask(`region ${region.id}`, "POST", cartPath(""), { region_id: region.id }))
      },
    ],
    [3, deliver],
    [
      3,
      async () =>
        see(await ask("promotion", "POST", cartPath("/promotions"), { promo_codes: [pick(codes)] })),
    ],
    [
      1,
      async () =>
        see(await ask("no promotion", "DELETE", cartPath("/promotions"), { promo_codes: [pick(codes)] })),
    ],
    [5, async () => see(await ask("look", "GET", cartPath("")))],
    [4, () => edit(pair, scenery, random, ask)],
    [email ? 1 : 0, async () => see(await ask("mine", "POST", cartPath("/customer")))],
  ]
  const chances = steps.flatMap(([weight, step]) => Array.from({ length: weight }, () => step))
  const count = 5 + Math.floor(random() * 10)
  for (let step = 0; step < count; step++) {
    await pick(chances)()
  }
  if (random() < 0.7) {
    await add()
    await address()
    await deliver()
    await complete()
  }
  return asked

  async function complete() {
    const body = (mine: Mine) => ({ cart_id: mine.known.cart })
    const collection = await ask("collection", "POST", "/store/payment-collections", body)
    remember("collection", collection, ({ payment_collection }) => payment_collection?.id)
    if (collection.status !== 200) return
    const sessions = (mine: Mine) => `/store/payment-collections/${mine.known.collection}/payment-sessions`
    await ask("session", "POST", sessions, { provider_id: "pp_system_default" })
    const done = await ask("complete", "POST", cartPath("/complete"))
    remember("order", done, ({ order }) => order?.id)
    if (done.answers[0].order) await ask("order", "GET", (mine) => `/store/orders/${mine.known.order}`)
  }
}

/** The same for both, or each store's own. */
type Own<T> = T | ((mine: Mine) => T)
const of = <T>(given: Own<T>, mine: Mine): T =>
  typeof given === "function" ? (given as (mine: Mine) => T)(mine) : given

type AskStore = (what: string, method: string, path: string, body?: object) => Promise<unknown>

/** What a shopkeeper changes, by the API or beside it. */
async function edit(pair: Pair, scenery: Scenery, random: Random, ask: AskStore): Promise<void> {
  const pick = pickOf(random)
  const amount = Math.round(random() * 10_000) / 100
  const byAdmin = (what: string, path: string, body: Json) => ask(what, "POST", `/admin/${path}`, body)
  const bySql = async (text: string, values: unknown[]) => {
    await pair.sql(text, values)
    await sleep(bound)
  }
  const variant = pick(scenery.variants)
  const edits: (() => Promise<unknown>)[] = [
    () =>
      bySql(
        `update price set amount = $2::numeric, raw_amount = jsonb_build_object('value', $2::numeric::text, 'precision', 20), updated_at = now()
         where price_set_id in (select price_set_id from product_variant_price_set where variant_id = $1) and currency_code = 'eur'`,
        [variant, amount],
      ),
    () => {
      const { id } = pick(scenery.promotions)
      return byAdmin(`promotion ${id}`, `promotions/${id}`, { status: pick(["active", "inactive", "draft"]) })
    },
    () =>
      pair.sql("update cart_line_item set product_title = $2, updated_at = now() where variant_id = $1", [
        variant,
        `Title ${amount}`,
      ]),
    () => byAdmin("tax", `tax-rates/${pick(scenery.rates)}`, { rate: Math.floor(random() * 30) }),
    () => {
      const { id, price } = pick(scenery.options)
      return byAdmin("delivery", `shipping-options/${id}`, { prices: [{ id: price, amount }] })
    },
    () => byAdmin("price list", `price-lists/${pick(scenery.lists)}`, { status: pick(["active", "draft"]) }),
    () =>
      bySql(
        "update product set title = $2, updated_at = now() where id = (select product_id from product_variant where id = $1)",
        [variant, `Title ${amount}`],
      ),
    () =>
      bySql("update price_preference set is_tax_inclusive = not is_tax_inclusive, updated_at = now()", []),
    () =>
      bySql(
        "update promotion_application_method set value = $2::numeric, raw_value = jsonb_build_object('value', $2::numeric::text, 'precision', 20) where id = $1 and type = 'percentage'",
        [pick(scenery.promotions).method, Math.ceil(random() * 50)],
      ),
  ]
  await pick(edits)()
}
