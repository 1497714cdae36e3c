/** When the answer to a request that writes leaves. */
import assert from "node:assert/strict"
import { EventEmitter } from "node:events"
import { describe, it } from "node:test"
import { setImmediate as turn } from "node:timers/promises"
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { ownWrites } from "../../src/medusa/own-writes"
import type { Request } from "../../src/tracking"

describe("the answer to a request", () => {
  /** @returns the request, and what left for its client */
  function send(method: string, settle: () => Promise<void> = async () => undefined) {
    let request: Request | undefined
    const ended: unknown[] = []
    const freshness = {
      request: (_isShopper: boolean, run: (request: Request) => void) => {
        request = { wrote: false, repeats: undefined } as Request
        run(request)
      },
      settle,
      answeredTo: () => undefined,
    }
    const scope = { resolve: () => ({ ownWrites: freshness }) }
    const req = { method, originalUrl: "/store/carts/cart_1", headers: {}, scope }
    const res = Object.assign(new EventEmitter(), {
      statusCode: 200,
      end: (body: unknown) => ended.push(body),
    })
    ownWrites(req as unknown as MedusaRequest, res as unknown as MedusaResponse, () => undefined)
    return { request: request!, res, ended }
  }

  it("leaves when what goes on beside it is done, be it well or not", async () => {
    const { request, res, ended } = send("POST")
    let finish = () => {}
    const failing = Promise.reject(new Error("no connection"))
    request.owed!.push(failing, new Promise<void>((resolve) => (finish = resolve)))
    res.end("body")
    assert.equal(request.owed, undefined, "what comes later is not waited for")
    await turn()
    assert.deepEqual(ended, [])
    finish()
    await turn()
    assert.deepEqual(ended, ["body"])
  })

  it("leaves when what it wrote was told, and at once when it wrote nothing", async () => {
    let told = () => {}
    const writing = send("POST", () => new Promise((resolve) => (told = resolve)))
    writing.request.wrote = true
    writing.res.end("body")
    await turn()
    assert.deepEqual(writing.ended, [])
    told()
    await turn()
    assert.deepEqual(writing.ended, ["body"])
    const idle = send("POST")
    idle.res.end("body")
    assert.deepEqual(idle.ended, ["body"])
    assert.equal(send("GET").request.owed, undefined)
  })
})
