/** What the middleware hands on to the one who knows what is asked. */
import assert from "node:assert/strict"
import { EventEmitter } from "node:events"
import { describe, it } from "node:test"
import { ownWrites } from "../../src/medusa/own-writes"

describe("a request that comes as far as its route", () => {
  const outset = { turn: 1 }

  /** @returns what it was run with, and what of it was looked for among those that were heard */
  function run(originalUrl: string, body: object) {
    const [arrived, begun]: unknown[][] = [[], []]
    const freshness = {
      request: (recalls: boolean, _run: unknown, about: object, early?: object) =>
        void begun!.push(recalls, about, early),
    }
    const early = {
      arrived: (_request: object, about: object) => {
        arrived!.push(about)
        return outset
      },
    }
    const scope = { resolve: () => ({ ownWrites: freshness, early }) }
    ownWrites({ method: "POST", originalUrl, body, scope } as never, new EventEmitter() as never, assert.fail)
    return { arrived, begun }
  }

  it("goes on with what was asked when it was heard", () => {
    const about = {
      cart: "cart_00000000000000000000000001",
      kind: "POST /store/payment-collections ,cart_id",
      given: `/store/payment-collections {"cart_id":"cart_00000000000000000000000001"}`,
    }
    const body = { cart_id: "cart_00000000000000000000000001" }
    const { arrived, begun } = run("/store/payment-collections", body)
    assert.deepEqual(arrived, [about])
    assert.deepEqual(begun, [true, about, outset])
  })

  it("was not asked anything for when it is no shopper's, whose key Medusa has not seen", () => {
    const { arrived, begun } = run("/admin/orders", {})
    assert.deepEqual(arrived, [])
    assert.deepEqual(begun, [false, {}, undefined])
  })
})
