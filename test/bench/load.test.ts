import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { runLoad } from "../../src/bench"
import { parseStore } from "../../src/bench/store"
import { ready } from "./ready"

/** A server that gives the list, and every fifth time what `fifth` says. */
async function listing(fifth: { status: number; body: string }) {
  const list = JSON.stringify({ products: [{ id: "prod_1" }], count: 1 })
  let asked = 0
  const server = createServer((request, response) => {
    if (!request.url!.startsWith("/store/products?limit=12")) return void response.end("OK")
    const wrong = ++asked % 5 === 0
    const body = wrong ? fifth.body : list
    response.writeHead(wrong ? fifth.status : 200, { "content-length": Buffer.byteLength(body) }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { server, list, store: parseStore("off", { ...ready, url }) }
}

test("every request is answered, in the stores and in the bare server", async () => {
  const { server, list, store } = await listing({
    status: 200,
    body: JSON.stringify({ products: [{ id: "prod_1" }], count: 1 }),
  })
  const { targets, errors } = await runLoad({ stores: [store], connections: 2, requests: 21 })
  server.close()
  assert.deepEqual(errors, [])
  assert.deepEqual(
    targets.map(({ target, completed, bodyBytes }) => ({ target, completed, bodyBytes })),
    [
      { target: "off", completed: 21, bodyBytes: list.length },
      { target: "bare node:http", completed: 21, bodyBytes: list.length },
    ],
  )
})

test("answers of another status or length are errors", async () => {
  const { server, list, store } = await listing({ status: 503, body: "busy" })
  const { errors } = await runLoad({ stores: [store], connections: 2, requests: 21 })
  server.close()
  assert.deepEqual(
    errors.map(({ message }) => message),
    ["4 answers had a status other than 2xx", `4 answers had 4 bytes, not ${list.length}`],
  )
})

test("a load can be aborted while it runs", async () => {
  const { server, store } = await listing({ status: 200, body: "" })
  const abort = new AbortController()
  const run = runLoad({
    stores: [store],
    connections: 2,
    requests: 1_000_000,
    onProgress: () => abort.abort(),
    signal: abort.signal,
  })
  await assert.rejects(run, { name: "AbortError" })
  server.close()
})
