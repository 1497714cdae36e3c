/** The printed configuration in Debian's PgBouncer: a store shops through it, hears changes, and is examined through it. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { after, before, describe, it } from "node:test"
import { need } from "../../demo/run/services"
import { examine, pgbouncerConfiguration } from "../../src/doctor"
import type { Database } from "../support/database"
import { missing, type Server, startPgBouncer } from "../support/debian"
import { copyOfDemo } from "../support/demo-database"
import { shop } from "../support/shopper"
import { startStore } from "../support/store"
import { until } from "../support/until"

const lack = missing(["pgbouncer"])

describe("PgBouncer in transaction mode", { skip: lack }, () => {
  const stops: (() => Promise<unknown>)[] = []
  let database: Database
  let bouncer: Server & { port: number }
  let url: string
  before(async () => {
    database = await copyOfDemo("pegasus_pgbouncer")
    const direct = new URL(database.url)
    const configuration = await pgbouncerConfiguration({ databaseUrl: database.url, processes: 1, pool: 10 })
    bouncer = await startPgBouncer(configuration, `"${direct.username}" "${direct.password}"\n`)
    const through = new URL(database.url)
    through.port = String(bouncer.port)
    url = through.href
  })
  after(async () => {
    for (const stop of stops) await stop()
    await bouncer.stop()
    await database.drop()
  })

  it("lets a store sell, and its feed hear", async () => {
    const redis = await need(["redis"])
    stops.unshift(() => redis.release())
    const args = ["--cache", "pegasus", "--database-url", url, "--redis-url", redis.urls.redis]
    const store = await startStore(args, { PEGASUS_DEMO_FEED_URL: database.url })
    stops.unshift(() => store.stop())
    // Several at once, and often enough for statements to be prepared on connections that are lent to others next.
    for (let time = 0; time < 5; time++) {
      const orders = await Promise.all(
        [1, 2, 3].map((guest) => shop(store.ready, `guest-${guest}@example.com`)),
      )
      assert.equal(new Set(orders.map(({ id }) => id)).size, 3)
    }
    const log = readFileSync(/it writes its log to (.+)$/m.exec(store.stderr())![1]!, "utf8")
    assert.equal(
      log.split("what was prepared on a connection").length,
      2,
      "it is given up, and that is said once",
    )

    const titles = async () => {
      const headers = { "x-publishable-api-key": store.ready.publishableKey }
      const response = await fetch(`${store.ready.url}/store/collections?limit=1&order=id`, { headers })
      const { collections } = (await response.json()) as { collections: { title: string }[] }
      return { title: collections[0]!.title, said: response.headers.get("cache-status") ?? "" }
    }
    await until("it is kept", async () => (await titles()).said.includes("hit"))
    await database.client.query(
      "update product_collection set title = 'By hand' where id = (select min(id) from product_collection)",
    )
    await until("it is heard", async () => (await titles()).title === "By hand")
  })

  it("lets the doctor look", async () => {
    const { hidden } = await examine({ databaseUrl: url, mayTry: true })
    assert.deepEqual(hidden, [])
  })
})
