/** The front before a small server in the place of Express: real sockets, a real cache. */
import assert from "node:assert/strict"
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, it } from "node:test"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import type { Cache } from "../../src/engine"
import { policiesOf, RenderingFront, type RenderingOptions, surrogateHeaders } from "../../src/http"
import { cacheOf } from "../support/caches"
import { until } from "../support/until"

interface Got {
  status: number
  headers: Record<string, string | string[] | undefined>
  raw: string[]
  body: Buffer
}

describe("the front", () => {
  let cache: Cache
  let renders: number
  let express: (req: IncomingMessage, res: ServerResponse) => unknown
  let read: { tags: string[]; until: number } | string
  let varied: string[]
  let close: () => void = () => undefined
  let port: number
  let front: RenderingFront
  let agent: Agent

  const frontOf = (options: Partial<RenderingOptions>) =>
    new RenderingFront({
      cache,
      policies: policiesOf([
        { matcher: "/store/fast", ttl: 60_000 },
        { matcher: "/store/late", ask: "after" },
        { matcher: "/store/never", ttl: false },
        { matcher: "/store/collections", ttl: false },
      ]),
      track: async (_key, run) => ({ value: await run(), read }),
      crossOrigin: (origin) => (origin === "http://shop" ? [["Access-Control-Allow-Origin", origin]] : []),
      nameOf: (tag) => tag,
      knowsPeople: true,
      onVary: (_route, header) => varied.push(header),
      ...options,
    })

  async function listen(options: Partial<RenderingOptions> = {}) {
    front = frontOf(options)
    const server = createServer((req, res) =>
      front.handle(req, res, () => {
        renders++
        express(req, res)
      }),
    ).listen(0)
    port = (server.address() as AddressInfo).port
    close = () => {
      server.close()
      server.closeAllConnections()
    }
  }

  beforeEach(async () => {
    agent = new Agent({ keepAlive: true })
    cache = cacheOf()
    renders = 0
    varied = []
    read = { tags: ["db:a.id=1"], until: Number.POSITIVE_INFINITY }
    express = (_req, res) => {
      res.setHeader("Content-Type", "application/json; charset=utf-8")
      res.setHeader("X-Powered-By", "Express")
      res.end(JSON.stringify({ renders, text: "x".repeat(2_000) }))
    }
    await listen()
  })
  afterEach(() => {
    agent.destroy()
    close()
  })

  const ask = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    new Promise<Got>((resolve, reject) => {
      const asked = request({ port, path, method, headers, agent }, (answer) => {
        const chunks: Buffer[] = []
        answer.on("data", (chunk) => chunks.push(chunk))
        answer.on("end", () =>
          resolve({
            status: answer.statusCode!,
            headers: answer.headers,
            raw: answer.rawHeaders,
            body: Buffer.concat(chunks),
          }),
        )
      })
      asked.on("error", reject)
      asked.end()
    })
  const told = (got: Got) => got.headers["cache-status"]

  it("renders once, and says so", async () => {
    const first = await ask("/store/products?limit=2")
    const second = await ask("/store/products?limit=2")
    assert.equal(renders, 1)
    assert.deepEqual(second.body, first.body)
    assert.equal(told(first), "Pegasus; fwd=uri-miss; stored")
    assert.match(String(told(second)), /^Pegasus; hit; ttl=\d+$/)
    assert.equal(second.headers["x-powered-by"], "Express")
    assert.equal(second.headers["content-type"], "application/json; charset=utf-8")
    assert.equal(second.headers["content-length"], String(second.body.length))
    assert.equal(second.headers.age, "0")
    assert.ok(second.headers.date)
  })

  it("renders anew when what it was made of changed", async () => {
    await ask("/store/products")
    await cache.invalidate({ tags: ["db:a.id=1"] })
    await ask("/store/products")
    assert.equal(renders, 2)
  })

  it("renders once for all who ask meanwhile", async () => {
    let open: () => void = () => undefined
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const answer = express
    express = async (req, res) => {
      await opened
      answer(req, res)
    }
    const all = Array.from({ length: 50 }, () => ask("/store/products"))
    await until("one is rendered", () => renders === 1)
    open()
    const bodies = new Set((await Promise.all(all)).map(({ body }) => body.toString()))
    assert.equal(bodies.size, 1)
    assert.equal(renders, 1)
  })

  it("keeps apart other keys, languages and parameters", async () => {
    await ask("/store/products")
    await ask("/store/products", { "x-publishable-api-key": "pk_1" })
    await ask("/store/products", { "x-medusa-locale": "de-DE" })
    await ask("/store/products?limit=3")
    assert.equal(renders, 4)
    await ask("/store/products?offset=0&limit=50")
    assert.equal(renders, 4, "defaults are no difference")
  })

  it("leaves alone what is not in the table, what writes, and who may be someone", async () => {
    for (const [path, headers, method] of [
      ["/store/carts/1", {}, "GET"],
      ["/store/never", {}, "GET"],
      ["/store/collections", {}, "GET"],
      ["/store/late", {}, "GET"],
      ["/store/products", {}, "POST"],
      ["/store/products", { authorization: "Bearer x" }, "GET"],
      ["/store/products", { cookie: "a=b" }, "GET"],
    ] as const) {
      renders = 0
      assert.equal(told(await ask(path, headers, method)), undefined)
      await ask(path, headers, method)
      assert.equal(renders, 2, `${method} ${path}`)
    }
  })

  for (const [what, change] of [
    ["errors", (res: ServerResponse) => (res.statusCode = 404)],
    ["cookies", (res: ServerResponse) => res.setHeader("Set-Cookie", "a=b")],
    ["what is private", (res: ServerResponse) => res.setHeader("Cache-Control", "private")],
    ["what must not be stored", (res: ServerResponse) => res.setHeader("Cache-Control", "no-store")],
    ["what varies by anything", (res: ServerResponse) => res.setHeader("Vary", "*")],
    ["origins of its own", (res: ServerResponse) => res.setHeader("Access-Control-Allow-Origin", "*")],
  ] as const) {
    it(`does not keep ${what}`, async () => {
      const answer = express
      express = (req, res) => {
        change(res)
        answer(req, res)
      }
      const first = await ask("/store/products")
      const second = await ask("/store/products")
      assert.equal(renders, 2)
      assert.equal(JSON.parse(second.body.toString()).renders, 2)
      assert.match(String(told(first)), /^Pegasus; fwd=uri-miss; detail=".+"$/)
    })
  }

  it("answers nothing from before something was changed at its address (RFC 9111 §4.4)", async () => {
    await ask("/store/fast?a=1")
    express = (req, res) => {
      res.statusCode = req.headers["x-fails"] ? 400 : 200
      res.end()
    }
    await ask("/store/fast?a=1", { "x-fails": "yes" }, "POST")
    await ask("/store/fast?a=2", {}, "POST")
    assert.match(String(told(await ask("/store/fast?a=1"))), /hit/)
    await ask("/store/fast?a=1", {}, "POST")
    assert.match(String(told(await ask("/store/fast?a=1"))), /miss/)
  })

  it("keeps no longer, and tells nobody otherwise, than an answer says of itself (RFC 9111 §4.2.1)", async () => {
    express = (_req, res) => {
      res.setHeader("Cache-Control", 'public, MAX-AGE="60", s-maxage=1')
      res.setHeader("Age", "1000")
      res.end("old")
    }
    assert.match(String(told(await ask("/store/products"))), /^Pegasus; fwd=uri-miss; detail="Cache-Control/)
    express = (_req, res) => {
      res.setHeader("Cache-Control", "public, max-age=600")
      res.setHeader("Age", "540")
      res.end("new")
    }
    await ask("/store/regions")
    const { headers } = await ask("/store/regions")
    assert.match(String(headers["cache-status"]), /hit; ttl=(59|60)$/)
    assert.equal(headers["cache-control"], "public, max-age=600")
    assert.ok(Number(headers.age) >= 540)
    assert.equal(headers["cdn-cache-control"], undefined)
  })

  it("renders anew for who will not have what is kept, if that is heard (RFC 9111 §5.2.1.4)", async () => {
    await ask("/store/products")
    await ask("/store/products", { "cache-control": "no-cache" })
    assert.equal(renders, 1, "nobody can make the store work by asking")
    close()
    await listen({ honorsNoCache: true })
    await ask("/store/products")
    assert.equal(renders, 1)
    await ask("/store/products", { "cache-control": "no-cache" })
    assert.equal(renders, 2)
    await ask("/store/products")
    assert.equal(renders, 2, "what was rendered anew is kept")
    await ask("/store/products", { "cache-control": "no-store" })
    assert.equal(renders, 3)
    await ask("/store/products")
    assert.equal(renders, 3)
  })

  it("answers 304 to who has it since, where there is no ETag to ask for (RFC 9110 §13.1.3)", async () => {
    const at = (second: number) => new Date(second * 1_000).toUTCString()
    express = (_req, res) => {
      res.setHeader("Last-Modified", at(1_000))
      res.end("it")
    }
    await ask("/store/products")
    assert.equal((await ask("/store/products", { "if-modified-since": at(1_000) })).status, 304)
    assert.equal((await ask("/store/products", { "if-modified-since": at(999) })).status, 200)
    const both = { "if-modified-since": at(1_000), "if-none-match": '"other"' }
    assert.equal((await ask("/store/products", both)).status, 200)
  })

  it("does not keep what nobody knows the dependencies of", async () => {
    read = "nobody knows"
    await ask("/store/products")
    await ask("/store/products")
    assert.equal(renders, 2)
  })

  it("does not keep who waited from his answer when it is not kept", async () => {
    read = "nobody knows"
    const all = await Promise.all(Array.from({ length: 10 }, () => ask("/store/products")))
    assert.equal(renders, 10)
    assert.ok(all.every(({ status }) => status === 200))
  })

  it("finds out by itself which headers shape an answer", async () => {
    express = (req, res) => res.end(JSON.stringify({ tier: req.headers["x-tier"] ?? null }))
    const tier = async (name: string) =>
      JSON.parse((await ask("/store/products", { "x-tier": name })).body.toString()).tier
    for (const name of ["gold", "tin", "gold", "tin", "gold", "tin"]) assert.equal(await tier(name), name)
    assert.deepEqual(varied, ["x-tier"])
    assert.equal(renders, 3, "one to find out, one for each")
    assert.match(String((await ask("/store/products", { "x-tier": "tin" })).headers.vary), /x-tier/)
  })

  it("keeps nothing under a name that was too short, where another process would find it", async () => {
    express = (req, res) => res.end(`tier ${req.headers["x-tier"]}`)
    await ask("/store/products", { "x-tier": "gold" })
    close()
    await listen()
    assert.equal((await ask("/store/products", { "x-tier": "tin" })).body.toString(), "tier tin")
  })

  it("lives no longer than what it was made of", async () => {
    read = { tags: ["db:a.id=1"], until: Date.now() + 30_000 }
    await ask("/store/products")
    const ttl = Number(/ttl=(\d+)/.exec(String(told(await ask("/store/products"))))![1])
    assert.ok(ttl > 0 && ttl <= 30, String(ttl))
  })

  it("makes nobody wait for an answer that will not be kept", { timeout: 5_000 }, async () => {
    read = "nobody knows"
    await ask("/store/products")
    const answer = express
    const waiting: (() => void)[] = []
    express = (req, res) => {
      waiting.push(() => answer(req, res))
      if (waiting.length === 5) for (const go of waiting) go()
    }
    const all = await Promise.all(Array.from({ length: 5 }, () => ask("/store/products")))
    assert.ok(all.every(({ status }) => status === 200))
  })

  it("finds out from the answer's own Vary, too", async () => {
    express = (_req, res) => {
      res.setHeader("Vary", "Accept-Language")
      res.end("{}")
    }
    for (const language of ["de", "de", "fr"]) await ask("/store/products", { "accept-language": language })
    assert.equal(renders, 3)
  })

  it("answers 304 to who has it (RFC 9110 §13.1.2)", async () => {
    const { headers } = await ask("/store/products")
    const again = await ask("/store/products", { "if-none-match": `W/"other", ${headers.etag}` })
    assert.equal(again.status, 304)
    assert.equal(again.body.length, 0)
    assert.equal(again.headers.etag, headers.etag)
    assert.match(String(again.headers["cdn-cache-control"]), /max-age=60/)
    assert.equal((await ask("/store/products", { "if-none-match": '"other"' })).status, 200)
    assert.equal((await ask("/store/products", { "if-none-match": "*" })).status, 304)
  })

  it("renders the whole answer for who first comes with a condition", async () => {
    express = (req, res) => res.end(`${req.headers["if-none-match"]} ${req.headers["accept-encoding"]}`)
    const { body } = await ask("/store/products", { "if-none-match": '"x"', "accept-encoding": "gzip" })
    assert.equal(body.toString(), "undefined undefined")
  })

  it("answers HEAD without a body, from the same answer (RFC 9110 §9.3.2)", async () => {
    const head = await ask("/store/products", {}, "HEAD")
    const get = await ask("/store/products")
    const again = await ask("/store/products", {}, "HEAD")
    assert.equal(renders, 1)
    assert.equal(head.body.length, 0)
    assert.equal(again.body.length, 0)
    for (const { headers } of [head, again]) {
      assert.equal(headers["content-length"], get.headers["content-length"])
      assert.equal(headers.etag, get.headers.etag)
    }
  })

  it("compresses for the next who take it, under a name of its own (RFC 9110 §8.8.3.3)", async () => {
    const plain = await ask("/store/products")
    for (const [encoding, open] of [
      ["gzip", gunzipSync],
      ["br", brotliDecompressSync],
    ] as const) {
      await until(`${encoding} is there`, async () => {
        const { headers } = await ask("/store/products", { "accept-encoding": encoding })
        return headers["content-encoding"] === encoding
      })
      const got = await ask("/store/products", { "accept-encoding": `x, ${encoding};q=0.8` })
      assert.deepEqual(open(got.body), plain.body)
      assert.notEqual(got.headers.etag, plain.headers.etag)
      assert.match(String(got.headers.vary), /Accept-Encoding/)
    }
    const refused = await ask("/store/products", { "accept-encoding": "br;q=0, gzip;q=0" })
    assert.equal(refused.headers["content-encoding"], undefined)
    assert.equal(renders, 1)
  })

  it("tells browsers to ask again, and CDNs how long", async () => {
    const { headers } = await ask("/store/regions")
    assert.equal(headers["cache-control"], "public, max-age=0, must-revalidate")
    assert.equal(
      headers["cdn-cache-control"],
      "public, max-age=900, stale-while-revalidate=900, stale-if-error=3600",
    )
  })

  it("allows origins as the store does, for each who asks", async () => {
    express = (req, res) => {
      res.setHeader("Access-Control-Allow-Credentials", "true")
      if (req.headers.origin === "http://shop") res.setHeader("Access-Control-Allow-Origin", "http://shop")
      res.setHeader("Vary", "Origin")
      res.end("{}")
    }
    const allowed = async (origin: string) =>
      (await ask("/store/products", { origin })).headers["access-control-allow-origin"]
    assert.equal(await allowed("http://shop"), "http://shop")
    assert.equal(await allowed("http://evil"), undefined)
    assert.equal(await allowed("http://shop"), "http://shop")
    assert.equal(renders, 1)
  })

  it("names what changes for a CDN, and forbids it to keep what could not be purged", async () => {
    close()
    await listen({ surrogate: { ...surrogateHeaders["cdn-tag"]!, bytes: 12 } })
    assert.equal((await ask("/store/products")).headers["cdn-tag"], "db:a.id=1")
    read = { tags: ["db:a+", "db:much_too_long"], until: Number.POSITIVE_INFINITY }
    const { headers } = await ask("/store/regions")
    assert.equal(headers["cdn-tag"], undefined)
    assert.equal(headers["cdn-cache-control"], "no-store")
  })

  it("sends what was ended first, and nothing after it", async () => {
    express = (_req, res) => {
      res.end("first")
      res.setHeader("X-Late", "yes")
      assert.equal(res.headersSent, true)
      res.writeHead(500)
      res.end("second")
    }
    for (let time = 0; time < 2; time++) {
      const got = await ask("/store/products")
      assert.deepEqual([got.status, got.body.toString()], [200, "first"])
    }
  })

  it("does not take another route for the one in the table", async () => {
    const answer = express
    express = (req, res) => {
      Object.assign(req, { route: { path: "/store/products/search" } })
      answer(req, res)
    }
    for (const forwarded of ["uri-miss", "bypass"]) {
      const why = `Pegasus; fwd=${forwarded}; detail="/store/products/search answered"`
      assert.equal(told(await ask("/store/products/search")), why)
    }
    assert.equal(renders, 2)
  })

  it("keeps what Medusa's own instrumentation copies the headers of, and nothing for who copies them after it", async () => {
    const start = require("@medusajs/medusa/commands/start")
    const { registerOtel } = require("@medusajs/medusa")
    registerOtel({ serviceName: "test", instrument: { http: true } })
    const answer = express
    express = (req, res) => start.traceRequestHandler(async () => answer(req, res), req, res)
    await ask("/store/products", { "x-odd": "1" })
    await ask("/store/products", { "x-odd": "2" })
    assert.equal(renders, 1)
    express = (req, res) =>
      start.traceRequestHandler(async () => res.end(JSON.stringify({ ...req.headers })), req, res)
    await ask("/store/regions", { "x-odd": "1" })
    const second = await ask("/store/regions", { "x-odd": "2" })
    assert.equal(JSON.parse(second.body.toString())["x-odd"], "2")
    assert.equal(renders, 3)
  })

  for (const [what, look] of [
    ["copies the headers", (req: IncomingMessage) => ({ ...req.headers })],
    ["reads them raw", (req: IncomingMessage) => req.rawHeaders],
    [
      "asks for the origin once more",
      (req: IncomingMessage) => [req.headers.origin, req.headers.origin, req.headers.origin],
    ],
    ["asks how it came, too", (req: IncomingMessage) => req.headers["x-forwarded-proto"]],
  ] as const) {
    it(`gives nobody another's answer when it ${what}`, async () => {
      express = (req, res) => {
        look(req)
        const { origin, "x-forwarded-proto": came } = req.headers
        res.end(`${origin} ${came}`)
      }
      for (const name of ["a", "b", "a", "b"]) {
        const { body } = await ask("/store/products", { origin: name, "x-forwarded-proto": name })
        assert.equal(body.toString(), `${name} ${name}`)
      }
    })
  }

  it("does not take a request with a body", async () => {
    for (let time = 0; time < 2; time++) await ask("/store/products", { "content-length": "0" })
    assert.equal(renders, 1)
    assert.equal(told(await ask("/store/products", { "transfer-encoding": "chunked" })), undefined)
  })

  it("survives an answer that it cannot read", async () => {
    await ask("/store/products")
    const { peek } = cache
    cache.peek = (key) => {
      const found = peek.call(cache, key)
      return found && { ...found, value: Buffer.from("rubbish") }
    }
    assert.equal((await ask("/store/products")).status, 200)
  })

  it("lets go what is too large in one piece", async () => {
    close()
    await listen({ cache: cacheOf({ memory: { maxBytes: 100_000_000 } }) })
    express = (_req, res) => res.end(Buffer.alloc(9_000_000))
    for (let time = 0; time < 2; time++) assert.equal((await ask("/store/products")).body.length, 9_000_000)
    assert.equal(renders, 2)
  })

  it("lets go what is too large, and what follows", async () => {
    close()
    await listen({ cache: cacheOf({ memory: { maxBytes: 100_000_000 } }) })
    const piece = Buffer.alloc(3_000_000, 1)
    express = (_req, res) => {
      for (let count = 0; count < 4; count++) res.write(piece)
      res.end("end")
    }
    const got = await ask("/store/products")
    assert.equal(got.body.length, 4 * piece.length + 3)
    await ask("/store/products")
    assert.equal(renders, 2)
  })

  it("runs what middlewares lay over the answer", async () => {
    const answer = express
    express = (req, res) => {
      const end = res.end.bind(res) as (...given: unknown[]) => ServerResponse
      res.end = (...given: unknown[]) => {
        res.setHeader("X-Laid-Over", "yes")
        return end(...given)
      }
      answer(req, res)
    }
    assert.equal((await ask("/store/products")).headers["x-laid-over"], "yes")
    assert.equal((await ask("/store/products")).headers["x-laid-over"], "yes")
    assert.equal(renders, 1)
  })

  it("serves who closes the connection, and who speaks HTTP/1.0's way", async () => {
    await ask("/store/products")
    const got = await ask("/store/products", { connection: "close" })
    assert.equal(got.headers.connection, "close")
    assert.equal((await ask("/store/products")).headers.connection, "keep-alive")
    assert.equal(got.status, 200)
    assert.equal(renders, 1)
  })

  describe("within", () => {
    let isPersonal: (tags: readonly string[]) => boolean
    let lay: (res: ServerResponse) => void
    beforeEach(async () => {
      lay = () => undefined
      close()
      await listen()
      isPersonal = () => false
      const within = createServer((req, res) => {
        lay(res)
        const [groups] = req.headers.authorization?.split("/") ?? []
        const customerGroups = groups?.split(",")
        const asker = {
          salesChannels: ["a"],
          customerGroups,
          isPersonal: (tags: readonly string[]) => isPersonal(tags),
        }
        const render = () => {
          renders++
          express(req, res)
        }
        front.handle(req, res, () => {
          if (front.waitsWithin(req)) front.handleWithin(req, res, render, asker)
          else render()
        })
      }).listen(0)
      port = (within.address() as AddressInfo).port
      const before = close
      close = () => {
        before()
        within.close()
        within.closeAllConnections()
      }
    })
    const said = async (headers: Record<string, string>) =>
      (await ask("/store/products", headers)).body.toString()

    it("keeps apart who is in which groups", async () => {
      express = (req, res) => res.end(req.headers.authorization?.split(",").sort().join() ?? "nobody")
      for (const given of ["vip", "vip,b2b", undefined, "vip", undefined, "b2b,vip"]) {
        const expected = given?.split(",").sort().join() ?? "nobody"
        assert.equal(await said(given === undefined ? {} : { authorization: given }), expected)
      }
      assert.equal(renders, 3)
      const { headers } = await ask("/store/products", { authorization: "vip" })
      assert.equal(headers["cache-control"], "private, no-cache")
      assert.equal(headers["cdn-cache-control"], undefined)
    })

    it("without knowing anybody, keeps what nobody in particular asks of routes that are asked after", async () => {
      front = frontOf({ knowsPeople: false })
      const asked = async (path: string, headers = {}) => {
        for (let time = 0; time < 3; time++) await ask(path, headers)
        return renders
      }
      assert.equal(await asked("/store/late"), 1)
      assert.equal(await asked("/store/late", { authorization: "vip" }), 4)
      assert.equal(await asked("/store/late", { cookie: "a=1" }), 7)
      assert.equal(await asked("/store/products", { cookie: "a=1" }), 10)
    })

    it("keeps apart cookies that may mean something, and no others", async () => {
      express = (req, res) => res.end(/theme=(\w+)/.exec(req.headers.cookie ?? "")?.[1] ?? "none")
      for (const theme of ["dark", "light", "dark"])
        assert.equal(await said({ cookie: `_ga=${renders}; theme=${theme}` }), theme)
      assert.equal(renders, 2)
      for (const visitor of ["1", "2"])
        assert.equal(await said({ cookie: `_ga=${visitor}; connect.sid=${visitor}` }), "none")
      assert.equal(renders, 3)
    })

    it("keeps apart each person, when what is read is his alone", async () => {
      isPersonal = (tags) => tags.includes("db:a.id=1")
      express = (req, res) => res.end(req.headers.authorization)
      const name = (number: number) => `vip/${"long ".repeat(60)}${number}`
      for (const number of [1, 2, 1, 2])
        assert.equal(await said({ authorization: name(number) }), name(number))
    })

    it("runs what was laid over the head of the answer before", async () => {
      lay = (res) => {
        const writeHead = res.writeHead.bind(res) as (...given: unknown[]) => ServerResponse
        res.writeHead = (...given: unknown[]) => {
          res.setHeader("X-Laid-Over", "yes")
          return writeHead(...given)
        }
      }
      const first = await ask("/store/products", { cookie: "_ga=1" })
      lay = (res) => {
        const end = res.end.bind(res) as (...given: unknown[]) => ServerResponse
        res.end = (...given: unknown[]) => {
          if (!res.headersSent) res.setHeader("X-Laid-Over", "late")
          return end(...given)
        }
      }
      const second = await ask("/store/products", { cookie: "_ga=1" })
      assert.deepEqual([first.headers["x-laid-over"], renders], ["yes", 1])
      assert.equal(told(second)?.includes("hit"), true)
    })
  })
})
