/** The proxy before a server of node's own, which says what it was asked. */
import assert from "node:assert/strict"
import { once } from "node:events"
import http, { type IncomingMessage, type RequestListener, type Server } from "node:http"
import net, { type AddressInfo } from "node:net"
import { after, afterEach, describe, it } from "node:test"
import { digest } from "../../src/engine/digest"
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
    server.closeAllConnections?.()
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

  /** What a raw client says, and all that it hears until the connection ends or it has what it waits for. */
  async function speak(port: number, text: string, until: RegExp): Promise<string> {
    const client = net.connect(port, "127.0.0.1")
    client.write(text)
    let heard = ""
    for await (const chunk of client) {
      heard += chunk
      if (until.test(heard)) break
    }
    client.destroy()
    return heard
  }

  it("lets nobody write the next request", async () => {
    const seen: string[] = []
    const port = await before(async (req, res) => {
      seen.push(`${req.method} ${req.url} ${await textOf(req)}`)
      res.end("ok")
    })
    const inner = "POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    for (const method of ["GET", "DELETE", "OPTIONS", "POST"]) {
      const length = `Content-Length: ${inner.length}\r\n`
      const hidden = `Connection: keep-alive, content-length, host\r\n${length}`
      const many = `${"a:\r\n".repeat(1_010)}${length}`
      for (const lines of [hidden, many])
        await speak(port, `${method} /first HTTP/1.1\r\nHost: a\r\n${lines}\r\n${inner}`, /ok/)
      assert.deepEqual(seen.splice(0), Array(2).fill(`${method} /first ${inner}`))
    }
  })

  it("serves clients that know no more than HTTP/1.0", async () => {
    const port = await before((req, res) => res.end(`for ${req.headers.host}`))
    assert.match(await speak(port, "OPTIONS / HTTP/1.0\r\n\r\n", /for/), / 200 .*for 127\.0\.0\.1:\d+$/s)
  })

  it("takes all of what a client sends, also when the store does not want it", async () => {
    const body = "x".repeat(3_000_000)
    const send = (port: number) => {
      const length = `Content-Length: ${body.length}`
      return speak(
        port,
        `POST /upload HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${body}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`,
        /next$/,
      )
    }
    const port = await before((req, res) => {
      res.statusCode = req.url === "/next" ? 200 : 401
      res.end(req.url === "/next" ? "next" : "no")
    })
    assert.match(await send(port), /^HTTP\/1\.1 401 .*HTTP\/1\.1 200 .*next$/s)
  })

  it("hands back what the store said before it hung up", async () => {
    let hangUp: () => void = () => undefined
    const store = net.createServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 401 No\r\nX-Pegasus-Wrote: 1\r\nContent-Length: 2\r\n\r\nno")
        hangUp = () => socket.resetAndDestroy()
      })
    })
    const port = await proxyBefore(new URL(`http://127.0.0.1:${await portOf(store as Server)}`))
    let hear: () => void = () => undefined
    settling = () =>
      new Promise((resolve) => {
        hear = resolve
      })
    const heard = speak(port, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", /no$/)
    await until("it waits", () => settled === 1)
    hangUp()
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    hear()
    assert.match(await heard, /^HTTP\/1\.1 401 No/)
  })

  it("leaves nothing behind for clients that have gone", async () => {
    const open = new Set<net.Socket>()
    let asked = 0
    const store = http.createServer((req, res) => {
      asked++
      if (req.url === "/large") res.end("x".repeat(20_000_000))
      else if (req.url === "/quick") res.end("quick")
    })
    store.on("connection", (socket) => {
      open.add(socket)
      socket.once("close", () => open.delete(socket))
    })
    const port = await proxyBefore(new URL(`http://127.0.0.1:${await portOf(store)}`))
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
    await speak(port, get("/quick"), /quick/)
    const client = net.connect(port, "127.0.0.1")
    client.write(get("/hang") + get("/large") + get("/large"))
    const stuck = () => [...open].filter(({ writableLength }) => writableLength > 0).length
    await until("the large answers wait for their turn", () => asked === 4 && stuck() === 2)
    client.destroy()
    await until("nothing is open", () => open.size === 0)
    assert.equal(asked, 4)
  })

  it("survives a store that dies between its answer and what is waited for", async () => {
    const port = await before((req, res) => {
      if (req.method === "GET") return
      res.writeHead(200, { "X-Pegasus-Wrote": "1", "Content-Length": "10" })
      res.write("half")
      setImmediate(() => res.destroy())
    })
    let hear: () => void = () => undefined
    settling = () =>
      new Promise((_, reject) => {
        hear = () => reject(new Error("not heard"))
      })
    const client = net.connect(port, "127.0.0.1")
    client.on("error", () => undefined)
    client.write(
      "GET /slow HTTP/1.1\r\nHost: a\r\n\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    )
    await until("it waits", () => settled === 1)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    hear()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    client.destroy()
  })

  it("answers from before nothing that was changed at an address", async () => {
    const kept = cache()
    const port = await before((req, res) => {
      res.statusCode = req.headers["x-fail"] ? 500 : 200
      res.end("asked")
    }, kept)
    const path = "/store/regions"
    const place = `url:${digest("/store/regions?")}`
    const keep = () => kept.set({ key, value: answer("kept"), ttl: 60_000, tags: [place] })
    await keep()
    await ask(port, { path, method: "POST", headers: { "X-Fail": "1" } })
    assert.equal((await ask(port, { path })).body, "kept")
    await ask(port, { path, method: "POST" })
    assert.equal((await ask(port, { path })).body, "asked")
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
    assert.equal((await ask(port, { path: "/3" })).body, "fine")
    assert.equal((await ask(port, { path: "/4", method: "POST" })).status, 502)
    assert.equal(asked, 5)
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
        key,
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
      key,
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

/** Of `/store/regions`, asked by nobody in particular. */
const key = "http2:/store/regions\n\nundefined\nundefined"

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
