/** The commands at a terminal: wrong calls, and Ctrl-C at any moment. */
import assert from "node:assert/strict"
import { createServer } from "node:net"
import { after, before, describe, it } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { command, startStore } from "../support/store"
import { until } from "../support/until"

describe("npm run store", () => {
  const refused = async (args: string[], code: number, said: RegExp) => {
    const call = command("store", args)
    assert.equal(await call.ended, code, call.stderr())
    assert.match(call.stderr(), said)
    assert.equal(call.stdout(), "")
    await until("nothing is left", () => call.descendants().length === 0)
  }

  it("refuses wrong options with what is right", async () => {
    await refused([], 2, /--cache must be one of off, medusa, pegasus.*DEMO_ARGUMENTS/s)
    await refused(["--cache", "fast"], 2, /not "fast"/)
    await refused(["--cache", "off", "--products", "-1"], 2, /--products/)
    await refused(["--cache", "off", "--colour", "red"], 2, /--colour/)
    await refused(["--cache", "pegasus", "--redis-url", "localhost:6379"], 2, /--redis-url must start with/)
  })

  it("refuses an occupied port", async () => {
    const server = createServer().listen(0)
    await until("it listens", () => server.listening)
    const { port } = server.address() as { port: number }
    await refused(["--cache", "off", "--port", String(port)], 1, /in use.*DEMO_PORT_TAKEN/s)
    server.close()
  })

  it("refuses a database that is not there", async () => {
    const url = "postgres://someone:secret@127.0.0.1:1/store"
    await refused(
      ["--cache", "off", "--database-url", url],
      1,
      /127\.0\.0\.1:1\/store.*DEMO_DATABASE_UNREACHABLE/s,
    )
  })
})

describe("Ctrl-C", () => {
  let holder: Awaited<ReturnType<typeof startStore>>
  before(async () => {
    holder = await startStore(["--cache", "off"])
  })
  after(() => holder.stop())

  for (const moment of [0.3, 1.5, 3, 5]) {
    it(`leaves nothing running after ${moment} s, and hurts no other store`, async () => {
      const call = command("store", ["--cache", "pegasus", "--products", "20"])
      await sleep(moment * 1_000)
      process.kill(-call.process.pid!, "SIGINT")
      await call.ended
      await until("nothing is left", () => call.descendants().length === 0)
      assert.equal((await fetch(`${holder.ready.url}/health`)).status, 200)
    })
  }

  it("reaches the store when its launcher is killed without warning", async () => {
    const store = await startStore(["--cache", "pegasus"])
    process.kill(-store.process.pid!, "SIGKILL")
    await until("nothing is left", () => store.descendants().length === 0, 15_000)
  })

  it("ends the launcher when the store's own process is ended", async () => {
    const store = await startStore(["--cache", "pegasus"])
    process.kill(store.ready.pid, "SIGTERM")
    assert.equal(await store.ended, 0)
    await until("nothing is left", () => store.descendants().length === 0)
  })
})
