/** The proxy before a server of node's own, which says what it was asked. */
import assert from "node:assert/strict"
import { once } from "node:events"
import http, { type IncomingMessage, type RequestListener, type Server } from "node:http"
import net, { type AddressInfo } from "node:net"
import { after, afterEach, describe, it } from "node:test"
import { policiesOf } from "../../src/http"
import { encodeAnswer } from "../../src/http/answer"
import { createProxy } from "../../src/proxy/proxy"
import { cacheOf } from "../support/caches"
import { until } from "../support/until"

const servers: Server[] = []
const agent = new http.Agent({ keepAlive: true })

async function portOf(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})
after(() => agent.destroy())

interface Answer {
  status: number
  message: string
  raw: string[]
  headers: http.IncomingHttpHeaders
  body: string
}

describe("the proxy", () => {
  let settled = 0
  let settling: () => Promise<void> = async () => undefined
  const cache = () => cacheOf()

  /** A store, and a proxy before it. @returns its port */
  async function before(store: RequestListener, kept = cache()): Promise<number> {
    const upstream = new URL(`http://127.0.0.1:${await portOf(http.createServer(store))}`)
    return proxyBefore(upstream, kept)
  }

  function proxyBefore(upstream: URL, kept = cache()): Promise<number> {
    settled = 0
    settling = async () => undefined
    const settle = () => {
      settled++
      return settling()
    }
    const front = { policies: policiesOf(), crossOrigin: () => [] }
    return portOf(createProxy({ upstream, cache: kept, front, settle }))
  }

  async function ask(port: number, options: http.RequestOptions = {}, body?: string[]): Promise<Answer> {
    const request = http.request({ port, agent, ...options })
    for (const chunk of body ?? []) request.write(chunk)
    request.end()
    const [response] = (await once(request, "response")) as [IncomingMessage]
    let text = ""
    for await (const chunk of response) text += chunk
    const { statusCode, statusMessage, rawHeaders: raw, headers } = response
    return { status: statusCode!, message: statusMessage!, raw, headers, body: text }
  }

  const textOf = async (req: IncomingMessage) => {
    let text = ""
    for await (const chunk of req) text += chunk
    return text
  }

  it("hands on the whole request but what concerns one connection, and says who asked", async () => {
    const port = await before(async (req, res) => {
      const { method, url, rawHeaders } = req
      res.end(JSON.stringify({ method, url, rawHeaders, text: await textOf(req) }))
    })
    const headers = {
      Host: "shop.example",
      "X-Twice": ["1", "2"],
      Connection: "keep-alive, X-Hop",
      "X-Hop": "mine",
      "X-Forwarded-For": "203.0.113.7",
      "X-Forwarded-Proto": "https",
      "X-Pegasus-Wrote": "forged",
    }
    const { body } = await ask(port, { method: "POST", path: "/admin/a?b=%20c", headers }, ["one ", "two"])
    const told = JSON.parse(body)
    assert.equal(told.method, "POST")
    assert.equal(told.url, "/admin/a?b=%20c")
    assert.equal(told.text, "one two")
    const lines = pairsOf(told.rawHeaders)
    const valuesOf = (name: string) => lines.filter(([one]) => one === name).map(([, value]) => value)
    assert.deepEqual(valuesOf("host"), ["shop.example"])
    assert.deepEqual(valuesOf("x-twice"), ["1", "2"])
    assert.deepEqual(valuesOf("x-hop"), [])
    assert.deepEqual(valuesOf("x-forwarded-for"), ["203.0.113.7, 127.0.0.1"])
    assert.deepEqual(valuesOf("x-forwarded-host"), ["shop.example"])
    assert.deepEqual(valuesOf("x-forwarded-proto"), ["https"])
    assert.deepEqual(valuesOf("x-pegasus-wrote"), ["?"])
  })

  it("hands on the whole answer, whatever its form", async () => {
    const port = await before((req, res) => {
      if (req.url === "/empty") res.writeHead(204).end()
      else if (req.url === "/same") res.writeHead(304, { ETag: '"1"' }).end()
      else if (req.url === "/head") res.writeHead(200, { "Content-Length": "1234" }).end()
      else {
        res.writeHead(418, "Short and stout", [
          "Set-Cookie",
          "a=1",
          "Set-Cookie",
          "b=2",
          "X-Pegasus-Wrote",
          "1",
        ])
        res.write("one ")
        res.end("two")
      }
    })
    const { status, message, headers, body } = await ask(port, { path: "/tea" })
    assert.deepEqual([status, message, body], [418, "Short and stout", "one two"])
    assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"])
    assert.equal(headers["x-pegasus-wrote"], undefined)
    assert.equal((await ask(port, { path: "/empty" })).status, 204)
    assert.equal((await ask(port, { path: "/same" })).headers.etag, '"1"')
    assert.equal((await ask(port, { path: "/head", method: "HEAD" })).headers["content-length"], "1234")
  })

  it("answers a write when what it wrote has been heard, and nothing else is kept waiting", async () => {
    const port = await before((req, res) => {
      if (req.headers["x-pegasus-wrote"]) res.setHeader("X-Pegasus-Wrote", "1")
      res.end("done")
    })
    assert.equal((await ask(port, { path: "/store/carts/1" })).body, "done")
    assert.equal(settled, 0)
    let hear: () => void = () => undefined
    settling = () =>
      new Promise((resolve) => {
        hear = resolve
      })
    let isAnswered = false
    const asked = ask(port, { method: "POST", path: "/admin/products/1" }).then(() => {
      isAnswered = true
    })
    await until("it waits", () => settled === 1)
    await new Promise(setImmediate)
    assert.equal(isAnswered, false)
    hear()
    await asked
  })

  it("says 502 when the store cannot be reached, and cuts off what the store cut off", async () => {
    const nobody = await proxyBefore(new URL("http://127.0.0.1:1"))
    const { status, body, headers } = await ask(nobody, { method: "POST", path: "/store/carts" }, ["{}"])
    assert.equal(status, 502)
    assert.match(body, /The store does not answer/)
    assert.equal(headers["cache-control"], "no-store")
    const port = await before((_req, res) => {
      res.writeHead(200, { "Content-Length": "100" })
      res.write("half")
      setImmediate(() => res.destroy())
    })
    await assert.rejects(ask(port, { path: "/half" }))
  })

  it("lets the store know when a client has gone", async () => {
    let gone: boolean | undefined
    const port = await before((req) => {
      gone = false
      req.socket.once("close", () => {
        gone = true
      })
    })
    const client = net.connect(port, "127.0.0.1")
    client.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    await until("the store is asked", () => gone === false)
    client.destroy()
    await until("the store knows", () => gone === true)
  })

  it("asks again when the store closed a connection just as it was taken, but never twice to write", async () => {
    let asked = 0
    const store: RequestListener = (req, res) => {
      asked++
      // The second on each connection meets the end of it.
      const socket = req.socket as net.Socket & { served?: boolean }
      if (socket.served) socket.destroy()
      else res.end("fine")
      socket.served = true
    }
    const port = await before(store)
    assert.equal((await ask(port, { path: "/1" })).body, "fine")
    assert.equal((await ask(port, { path: "/2" })).body, "fine")
    assert.equal(asked, 3)
    assert.equal((await ask(port, { path: "/3", method: "POST" })).status, 502)
    assert.equal(asked, 4)
  })

  it("asks once for all who want the same, and answers what the store has put there", async () => {
    const kept = cache()
    let asked = 0
    const port = await before(async (_req, res) => {
      asked++
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
      res.setHeader("Cache-Status", "Pegasus; fwd=uri-miss; stored")
      res.end("rendered")
      await new Promise(setImmediate)
      await kept.set({
        key: `http2:/store/regions\n\nundefined\nundefined`,
        value: answer("kept"),
        ttl: 60_000,
      })
    }, kept)
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, { path: "/store/regions" })))
    assert.equal(asked, 1)
    assert.deepEqual(answers.map(({ body }) => body).sort(), [...Array(19).fill("kept"), "rendered"])
    const { headers } = await ask(port, { path: "/store/regions" })
    assert.match(headers["cache-status"] as string, /^Pegasus; hit/)
    assert.equal(asked, 1)
  })

  it("lets everybody through to what the store does not keep", async () => {
    let waiting: (() => void)[] = []
    const port = await before((_req, res) => {
      waiting.push(() => res.end("rendered"))
    })
    const first = ask(port, { path: "/store/regions" })
    await until("the first is there", () => waiting.length === 1)
    const others = Array.from({ length: 5 }, () => ask(port, { path: "/store/regions" }))
    await new Promise(setImmediate)
    assert.equal(waiting.length, 1)
    for (const answer of waiting) answer()
    await first
    waiting = []
    await until("all others are there", () => waiting.length === 5)
    for (const answer of waiting) answer()
    await Promise.all(others)
  })

  it("asks the store for whoever is someone, sends a body, or writes", async () => {
    const kept = cache()
    await kept.set({
      key: `http2:/store/regions\n\nundefined\nundefined`,
      value: answer("kept"),
      ttl: 60_000,
    })
    const port = await before((_req, res) => res.end("asked"), kept)
    const path = "/store/regions"
    assert.equal((await ask(port, { path })).body, "kept")
    for (const headers of [{ Authorization: "Bearer x" }, { Cookie: "connect.sid=1" }])
      assert.equal((await ask(port, { path, headers })).body, "asked")
    assert.equal((await ask(port, { path, headers: { "Content-Length": "2" } }, ["{}"])).body, "asked")
    assert.equal((await ask(port, { path, method: "POST" })).body, "asked")
    assert.equal((await ask(port, { path, method: "HEAD" })).headers["content-length"], "4")
  })
})

const answer = (text: string) =>
  encodeAnswer({
    headers: [["content-type", "text/plain"]],
    etag: text,
    says: [],
    madeAt: Date.now(),
    isCrossOrigin: false,
    vary: [],
    body: Buffer.from(text),
  })

const pairsOf = (raw: string[]) =>
  raw.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1]!] as const] : []))
