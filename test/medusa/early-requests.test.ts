/** Of which requests something is asked when they are heard by a real server, and which of them get it. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, request as send } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { after, afterEach, before, beforeEach, describe, it } from "node:test"
import { EarlyRequests } from "../../src/medusa/early-requests"
import type { About, Outset } from "../../src/medusa/freshness"
import { aboutOf } from "../../src/medusa/kinds-of-requests"

const cart = (n: number) => `cart_${String(n).padStart(26, "0")}`
const complete = (n: number) => `/store/carts/${cart(n)}/complete`

describe("a request that is heard", () => {
  let server: Server
  let early: EarlyRequests
  /** What was asked for each that was set out, in their order. */
  let asked: About[]
  let isMore: boolean
  /** What each request got when it arrived. */
  let given: (Outset | undefined)[]
  const freshness = {
    setOut(about: About) {
      if (about.given?.includes(cart(13))) throw new Error("not asked")
      asked.push(about)
      return { began: asked.length } as Outset
    },
    askMore: () => isMore,
    isOfSame: (one: About, other: About) => one.kind === other.kind && one.cart === other.cart,
  }

  before(async () => {
    server = createServer(async (req: IncomingMessage, res) => {
      const body = await text(req)
      const originalUrl = req.url!
      const told = { method: req.method!, originalUrl, body: body === "" ? undefined : JSON.parse(body) }
      // As Medusa does, of whom the key is not.
      if (req.headers["x-publishable-api-key"] !== "bad")
        given.push(early.arrived(Object.assign(req, { originalUrl }), aboutOf(told)))
      res.end()
    })
    server.listen(0)
    await once(server, "listening")
  })
  beforeEach(() => {
    early = new EarlyRequests(freshness)
    asked = []
    given = []
    isMore = false
  })
  afterEach(() => early.close())
  after(() => server.close())

  async function post(path: string, body?: object, key = "pk_1", method = "POST"): Promise<void> {
    const { port } = server.address() as AddressInfo
    const headers = { "x-publishable-api-key": key }
    const req = send({ port, path, method, headers }).end(body && JSON.stringify(body))
    const [res] = (await once(req, "response")) as [IncomingMessage]
    assert.equal(res.statusCode, 200)
    await text(res)
  }

  it("asks at once what those of its kind ask, once one has been there", async () => {
    for (const n of [1, 2, 3]) await post(complete(n))
    const kind = aboutOf({ method: "POST", originalUrl: complete(1) }).kind
    assert.deepEqual(
      asked,
      [2, 3].map((n) => ({ cart: cart(n), kind, given: `${complete(n)} ""` })),
    )
    assert.deepEqual(
      given.map((outset) => outset?.began),
      [undefined, 1, 2],
    )
  })

  it("asks nothing for who has no key, or one that was not let pass", async () => {
    await post(complete(1))
    for (const key of ["pk_2", "bad", "bad"]) await post(complete(2), undefined, key)
    assert.equal(asked.length, 0)
    await post(complete(2), undefined, "pk_2")
    assert.equal(asked.length, 1)
  })

  it("asks nothing when its URL names no cart, or is not a shopper's", async () => {
    for (const path of ["/store/carts", "/store/products", `/admin/carts/${cart(1)}`]) {
      for (let time = 0; time < 2; time++) await post(path, { cart_id: cart(1) })
    }
    assert.equal(asked.length, 0)
  })

  it("is taken for one of the kind that its URL was of last, and otherwise asks for itself", async () => {
    const path = (n: number) => `/store/carts/${cart(n)}`
    await post(path(1), { email: "a" })
    await post(path(2), { email: "b" })
    await post(path(3), { region_id: "c" })
    await post(path(4), { region_id: "d" })
    await post(path(5), undefined, "pk_1", "GET")
    assert.deepEqual(
      given.map((outset) => outset?.began),
      [undefined, 1, undefined, 3, undefined],
    )
    assert.deepEqual(
      asked.map(({ kind }) => /email|region_id/.exec(kind!)?.[0]),
      ["email", "email", "region_id"],
    )
  })

  it("asks for nothing that is another cart's", async () => {
    const path = "/store/payment-collections/pay_col_00000000000000000000000001"
    for (const n of [1, 2]) await post(path, { cart_id: cart(n) })
    assert.equal(asked.length, 1)
    assert.deepEqual(given, [undefined, undefined])
  })

  it("waits for its body when more is asked for it", async () => {
    isMore = true
    for (const n of [1, 2, 3, 4]) await post(complete(n))
    assert.equal(asked.length, 1)
    assert.equal(given[1]?.began, 1)
  })

  it("goes on when nothing can be asked", async () => {
    await post(complete(1))
    await post(complete(13))
    assert.deepEqual(given, [undefined, undefined])
  })

  it("is not heard any more when the store has ended", async () => {
    await post(complete(1))
    early.close()
    await post(complete(2))
    assert.equal(asked.length, 0)
  })
})
