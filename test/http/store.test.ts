/** The HTTP cache in real stores, held against one that caches nothing. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import Redis from "ioredis"
import { explain } from "../../src/cli/explain"
import { warm } from "../../src/cli/warm"
import { defaultPolicies } from "../../src/http"
import { openScene, type Scene, type Store } from "../freshness/scene"
import { isSame } from "../freshness/survey"
import { pickOf, randomOf } from "../history/random"
import { until } from "../support/until"

type Json = Record<string, unknown>

interface Answer {
  status: number
  body: unknown
  text: string
  headers: Headers
}

describe("the HTTP cache in a store, and before one", () => {
  let scene: Scene
  before(async () => {
    scene = await openScene("pegasus", "proxy")
    // The moment at which a key is revoked is asked for with the first answers.
    for (const store of [scene.first, scene.second])
      await until("answers are kept", async () =>
        told(await ask(store, "/store/regions?limit=9")).includes("hit"),
      )
  })
  after(() => scene?.close())

  async function ask(
    store: Store,
    path: string,
    headers: Record<string, string | undefined> = {},
  ): Promise<Answer> {
    const { publishableKey } = store.ready
    const given = { "accept-encoding": "identity", "x-publishable-api-key": publishableKey, ...headers }
    const sent = Object.entries(given).filter((one): one is [string, string] => one[1] !== undefined)
    const response = await fetch(`${store.ready.url}${path}`, { headers: sent })
    const text = await response.text()
    return { status: response.status, body: JSON.parse(text || "null"), text, headers: response.headers }
  }
  const told = ({ headers }: Answer) => headers.get("cache-status") ?? ""

  /** Headers that Pegasus says otherwise, or beside. */
  const otherwise = new Set([
    ...["age", "cache-control", "cache-status", "cdn-cache-control", "date", "etag", "vary"],
    ...["connection", "keep-alive", "content-length", "transfer-encoding"],
  ])
  const rest = (headers: Headers) => Object.fromEntries([...headers].filter(([name]) => !otherwise.has(name)))

  it("says what Medusa says, of every route, headers included", async () => {
    const { regionId } = scene.truth.ready
    const idOf = async (path: string) => {
      const { body } = await ask(scene.truth, path)
      const [first] = Object.values(body as Record<string, Json[]>).find(Array.isArray)!
      return first?.id ?? first?.code
    }
    const lists = [
      "products",
      "product-variants",
      "product-categories",
      "collections",
      "product-tags",
      "product-types",
    ]
    const others = ["product-options", "regions", "currencies", "return-reasons"]
    const paths = [`/store/payment-providers?region_id=${regionId}`, "/store/locales"]
    for (const name of [...lists, ...others]) {
      paths.push(`/store/${name}`, `/store/${name}?limit=3&offset=1`)
      const id = await idOf(`/store/${name}`)
      if (id) paths.push(`/store/${name}/${id}`)
    }
    paths.push(
      `/store/products?region_id=${regionId}&limit=5`,
      `/store/products?handle=${encodeURIComponent("ä&b")}`,
    )
    for (const path of paths) {
      for (const origin of ["http://localhost:8000", "http://elsewhere", undefined]) {
        const truth = await ask(scene.truth, path, { origin })
        for (const [time, store] of [
          ["rendered", scene.first],
          ["kept", scene.first],
          ["before it", scene.second],
          ["kept before it", scene.second],
        ] as const) {
          const mine = await ask(store, path, { origin })
          assert.equal(mine.status, truth.status, path)
          assert.ok(isSame(mine.body, truth.body), `${path}, ${time}`)
          assert.deepEqual(rest(mine.headers), rest(truth.headers), `${path}, ${time}, from ${origin}`)
          if (time.startsWith("kept")) assert.match(told(mine), /hit/, path)
        }
      }
    }
  })

  it("leaves out of the name what Medusa takes for granted, and nothing else", async () => {
    const lists = defaultPolicies.filter(({ defaults }) => Object.keys(defaults).length > 0)
    assert.ok(lists.length > 5)
    for (const { matcher, defaults } of lists) {
      const { limit, offset } = (await ask(scene.truth, matcher)).body as Json
      assert.deepEqual({ limit: String(limit), offset: String(offset) }, defaults, matcher)
    }
  })

  it("renders once for a crowd in two processes", async () => {
    const path = `/store/products?limit=17&region_id=${scene.first.ready.regionId}`
    const crowd = Array.from({ length: 400 }, (_, index) =>
      ask(index % 2 === 0 ? scene.first : scene.second, path),
    )
    const answers = await Promise.all(crowd)
    assert.ok(answers.every(({ status }) => status === 200))
    assert.equal(answers.filter((one) => told(one).includes("stored")).length, 1)
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1)
  })

  it("finds in Redis what another process rendered", async () => {
    const path = "/store/products?limit=13"
    assert.match(told(await ask(scene.first, path)), /stored/)
    assert.match(told(await ask(scene.second, path)), /hit/)
  })

  it("writes to Redis what it answers, and not what that was made of", async () => {
    const redis = new Redis(scene.first.ready.redisUrl)
    try {
      const entries = async () => new Set(await redis.keys("pegasus:*:entry:*"))
      const before = await entries()
      assert.match(told(await ask(scene.first, "/store/products?limit=14")), /stored/)
      const added = async () => [...(await entries())].filter((key) => !before.has(key))
      await until("the answer is in Redis", async () => (await added()).length > 0)
      const [answer, ...others] = await added()
      assert.match(answer!, /entry:http.*limit=14/s)
      assert.deepEqual(others, [])
    } finally {
      redis.disconnect()
    }
  })

  it("never answers a key that is revoked, unknown or missing", async () => {
    const made = await scene.first.admin("POST", "api-keys", { title: "Brief", type: "publishable" })
    const { id, token } = made.api_key as { id: string; token: string }
    const [{ channel }] = (await scene.sql(
      "select min(sales_channel_id) as channel from product_sales_channel",
    )) as [Json]
    await scene.first.admin("POST", `api-keys/${id}/sales-channels`, { add: [channel] })
    const headers = { "x-publishable-api-key": token }
    const status = async (store: Store, headers: Record<string, string | undefined>) =>
      (await ask(store, "/store/regions", headers)).status
    const { first, second } = scene
    for (const store of [first, first, second, second]) assert.equal(await status(store, headers), 200)
    await second.admin("POST", `api-keys/${id}/revoke`, {})
    assert.equal(await status(second, headers), 400)
    await until("the other has heard", async () => (await status(first, headers)) === 400)
    for (const token of ["pk_unknown", undefined])
      for (const store of [first, first, second, second])
        assert.equal(await status(store, { "x-publishable-api-key": token }), 400)
  })

  it("is explained, and warmed", async () => {
    const { url, publishableKey } = scene.second.ready
    const headers = { "x-publishable-api-key": publishableKey }
    const said: string[] = []
    const tell = (path: string) =>
      explain({
        arguments: { command: "explain", url: `${url}${path}`, headers },
        print: (line) => said.push(line),
        signal,
      })
    const { signal } = new AbortController()
    // Within a second of a key's being revoked nothing is kept.
    await until("it is kept", async () => {
      said.length = 0
      return tell(`/store/products?limit=${Date.now() % 1_000_000}`)
    })
    assert.match(said.join("\n"), /has \/store\/products\.\nfirst: 200, .*stored.*\nsecond: 200, .*hit/)
    assert.equal(await tell("/store/branded"), false)
    const lines: string[] = []
    const given = { command: "warm", url, headers, rate: 1_000 } as const
    assert.equal(await warm({ arguments: given, progress: (line) => lines.push(line), signal }), true)
    assert.match(lines.at(-1)!, /^\[#{30}\] (\d+) of \1$/)
    const { body } = await ask(scene.truth, "/store/products?limit=1")
    const [{ id }] = (body as { products: [{ id: string }] }).products
    assert.match(
      told(await ask(scene.second, `/store/products/${id}?region_id=${scene.second.ready.regionId}`)),
      /hit/,
    )
  })

  it("keeps nothing of stock, and says why", async () => {
    const path = "/store/products?limit=3&fields=id,variants.id,%2Bvariants.inventory_quantity"
    for (const store of [scene.first, scene.second, scene.first, scene.second]) {
      assert.match(
        told(await ask(store, path)),
        /fwd=[\w-]+; detail="inventory_level changes at every sale"$/,
      )
    }
  })

  it("shows nobody what is another's, whatever is asked (LEAK_SEED, LEAK_ROUNDS)", async () => {
    const seed = Number(process.env.LEAK_SEED ?? Date.now() % 1_000_000)
    const random = randomOf(seed)
    const pick = pickOf(random)
    const crowd = await peopleOf(scene)
    const { regions } = scene.first.ready
    await translate(scene, crowd.product)
    const [euro, other] = [regions[0]!, regions.find(({ currency }) => currency !== regions[0]!.currency)!]
    const taxed = `region_id=${euro.id}&country_code=${euro.countries[0]}`
    // Few, so that those who differ ask for the same.
    const urls = [
      `/store/products?region_id=${euro.id}&limit=3`,
      `/store/products?limit=3&offset=0&region_id=${other.id}`,
      `/store/products?${taxed}&limit=2&fields=id,title,*variants.calculated_price`,
      `/store/products?fields=*variants.calculated_price,title,id&limit=2&${taxed}&province=be`,
      `/store/products/${crowd.product}?region_id=${euro.id}`,
      "/store/products?limit=2&fields=id,title&locale=de-DE",
      "/store/products?limit=2&fields=title,id",
      "/store/products?nonsense=1",
      "/store/regions",
    ]
    for (let round = 0; round < Number(process.env.LEAK_ROUNDS ?? 150); round++) {
      const url = pick(urls)
      const headers = {
        "x-publishable-api-key": pick(crowd.keys),
        authorization: pick([undefined, undefined, ...crowd.tokens]),
        cookie: pick([undefined, undefined, undefined, "_ga=1", "connect.sid=s%3Aforged.x"]),
        "x-medusa-locale": pick([undefined, "de-DE"]),
        origin: pick([undefined, "http://localhost:8000", "http://evil"]),
        "accept-encoding": pick(["identity", "gzip", "br"]),
      }
      const truth = await ask(scene.truth, url, headers)
      for (const store of [scene.first, scene.second, scene.first]) {
        const mine = await ask(store, url, headers)
        const which = `seed ${seed}, round ${round}: ${url} ${JSON.stringify(headers)}`
        assert.equal(mine.status, truth.status, which)
        assert.ok(isSame(mine.body, truth.body), which)
        assert.deepEqual(rest(mine.headers), { ...rest(truth.headers), ...encodingOf(mine) }, which)
      }
    }
  })

  const encodingOf = ({ headers }: Answer) => {
    const encoding = headers.get("content-encoding")
    return encoding === null ? {} : { "content-encoding": encoding }
  }
})

/** Keys of two channels, and customers with a price of their own and without. */
async function peopleOf({ first, sql }: Scene) {
  const { sales_channel } = (await first.admin("POST", "sales-channels", { name: "Second" })) as {
    sales_channel: Json
  }
  const { api_key } = (await first.admin("POST", "api-keys", { title: "Second", type: "publishable" })) as {
    api_key: { id: string; token: string }
  }
  await first.admin("POST", `api-keys/${api_key.id}/sales-channels`, { add: [sales_channel.id] })
  const some = await sql(
    "select p.id, min(v.id) as variant from product p join product_variant v on v.product_id = p.id where p.status = 'published' group by 1 order by 1 limit 4",
  )
  await first.admin("POST", `sales-channels/${sales_channel.id}/products`, {
    add: some.slice(0, 3).map(({ id }) => id),
  })
  const { customer_group } = (await first.admin("POST", "customer-groups", { name: "Friends" })) as {
    customer_group: Json
  }
  await first.admin("POST", "price-lists", {
    title: "For friends",
    description: "x",
    status: "active",
    rules: { "customer.groups.id": [customer_group.id] },
    prices: some.map(({ variant }) => ({ variant_id: variant, currency_code: "eur", amount: 1 })),
  })
  const tokens: string[] = []
  for (const name of ["friend", "stranger"]) {
    const { id, token } = await customerOf(first, `${name}@example.com`)
    tokens.push(`Bearer ${token}`)
    if (name === "friend")
      await first.admin("POST", `customer-groups/${customer_group.id}/customers`, { add: [id] })
  }
  return {
    product: some[0]!.id as string,
    keys: [first.ready.publishableKey, first.ready.publishableKey, api_key.token, "pk_nobody", undefined],
    tokens: [...tokens, "Bearer forged"],
  }
}

/** A title of its own in German. */
async function translate({ first, sql }: Scene, product: string): Promise<void> {
  const [store] = await sql("select id from store limit 1")
  await first.admin("POST", `stores/${store!.id}`, { supported_locales: [{ locale_code: "de-DE" }] })
  const german = {
    reference_id: product,
    reference: "product",
    locale_code: "de-DE",
    translations: { title: "Deutsch" },
  }
  await first.admin("POST", "translations/batch", { create: [german] })
}

async function customerOf({ ready }: Store, email: string): Promise<{ id: string; token: string }> {
  const send = async (path: string, body: Json, token?: string) => {
    const response = await fetch(`${ready.url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-publishable-api-key": ready.publishableKey,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(body),
    })
    return (await response.json()) as Json
  }
  const who = { email, password: "supersecret" }
  const { token } = await send("/auth/customer/emailpass/register", who)
  const { customer } = (await send("/store/customers", { email }, token as string)) as {
    customer: { id: string }
  }
  const signed = await send("/auth/customer/emailpass", who)
  return { id: customer.id, token: signed.token as string }
}
