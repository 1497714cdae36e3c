import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { parseArguments } from "../../src/cli/arguments"
import { drain, proxy } from "../../src/cli/proxy"
import { proxyOf, type StoreDescription } from "../../src/proxy"
import { until } from "../support/until"

describe("pegasus proxy", () => {
  const given = { command: "proxy", upstream: "http://127.0.0.1:9001", port: 0 } as const
  const { signal } = new AbortController()

  it("understands its options", () => {
    const { upstream } = given
    assert.deepEqual(parseArguments(["proxy", "--upstream", upstream]), { ...given, port: 9_000 })
    const whole = parseArguments(["proxy", "--upstream", upstream, "--port", "0", "--host", "::1"])
    assert.deepEqual(whole, { ...given, host: "::1" })
    assert.throws(() => parseArguments(["proxy"]), /needs --upstream/)
    for (const wrong of ["localhost:9001", "http://", "http://localhost:9001/shop", "ftp://localhost"])
      assert.throws(() => parseArguments(["proxy", "--upstream", wrong]), /needs --upstream/)
    assert.throws(() => parseArguments(["proxy", "--upstream", upstream, "--port", "70000"]), /at most 65535/)
    assert.throws(() => parseArguments(["proxy", "--upstream", upstream, "--json", "x"]), /no meaning/)
    assert.throws(() => parseArguments(["proxy", "--upstream", upstream, "more"]), /no meaning/)
  })

  it("needs a built store that uses Pegasus, and says what is missing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pegasus-"))
    const run = () => proxy({ arguments: given, folder, print: () => undefined, signal })
    const configured = (config: object) =>
      writeFileSync(join(folder, "medusa-config.js"), `module.exports = ${JSON.stringify(config)}`)
    await assert.rejects(run(), /There is no built store in .*Run the command where medusa start runs/)
    configured({})
    await assert.rejects(run(), /names no databaseUrl/)
    configured({ projectConfig: { databaseUrl: "postgres://127.0.0.1:1/none" } })
    await assert.rejects(run(), /does not use Pegasus/)
    const modules = { caching: { options: { pegasus: {} } } }
    configured({ projectConfig: { databaseUrl: "postgres://127.0.0.1:1/none" }, modules })
    await assert.rejects(run(), /ECONNREFUSED/)
  })

  it("ends when those who asked have been answered, and cuts nobody off", async () => {
    const answers: (() => void)[] = []
    const server = createServer((req, res) => {
      if (req.url === "/now") res.end("now")
      else answers.push(() => res.end("later"))
    }).listen(0)
    await once(server, "listening")
    server.keepAliveTimeout = 60_000
    const { port } = server.address() as AddressInfo
    const heard = new Map<Socket, string>()
    const connection = () => {
      const socket = connect(port, "127.0.0.1")
      socket.on("data", (chunk) => heard.set(socket, `${heard.get(socket) ?? ""}${chunk}`))
      return socket
    }
    const ask = (socket: Socket, path: string) => socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const [idle, busy, patient] = [connection(), connection(), connection()]
    ask(idle, "/now")
    for (const socket of [busy, patient]) ask(socket, "/later")
    await until("all are heard", () => answers.length === 2 && heard.has(idle))
    let isOver = false
    const ending = drain(server).then(() => {
      isOver = true
    })
    const [refused] = await once(connection(), "error")
    assert.equal(refused.code, "ECONNREFUSED")
    ask(busy, "/now")
    await new Promise(setImmediate)
    assert.equal(isOver, false)
    for (const answer of answers) answer()
    await until("it ended", () => isOver, 5_000)
    await ending
    assert.match(heard.get(patient)!, /later/)
    assert.match(heard.get(busy)!, /keep-alive.*later.*Connection: close.*now/s)
  })

  it("refuses a store with which it shares nothing, or of whose changes it would not hear", async () => {
    const store = (options: StoreDescription["options"]): StoreDescription => ({
      connection: { connectionString: "postgres://127.0.0.1:1/none" },
      schema: "public",
      environment: "e",
      origins: [],
      options,
    })
    const start = (options: StoreDescription["options"]) =>
      proxyOf(store(options), new URL(given.upstream), () => undefined)
    const redisUrl = "redis://127.0.0.1:1"
    for (const [options, why] of [
      [{}, /redisUrl/],
      [{ redisUrl, http: false }, /HTTP cache is off/],
      [{ redisUrl, feed: { source: "events" } }, /events/],
    ] as const)
      await assert.rejects(start(options), { code: "PEGASUS_PROXY_UNFIT", message: why })
  })
})
