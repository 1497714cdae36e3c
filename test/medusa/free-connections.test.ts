/** Connections that are given at once, of a real pool on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, afterEach, before, describe, it } from "node:test"
import knex, { type Knex } from "knex"
import { giveFreeAtOnce, type Pool, takeFree } from "../../src/medusa/free-connections"
import type { Database as Connection } from "../../src/medusa/freshness"
import { createDatabase, type Database } from "../support/database"

interface Counts {
  numUsed(): number
  numFree(): number
  numPendingAcquires(): number
}

interface Client {
  pool: Pool &
    Counts & {
      on(event: string, listener: () => void): void
      _stopReaping(): void
      release(connection: object): boolean
      destroy(): Promise<unknown>
    }
  acquireConnection(): Promise<object>
  releaseConnection(connection: object): Promise<void>
}

describe("a free connection", () => {
  let database: Database
  let shared: Knex

  before(async () => {
    database = await createDatabase("pegasus_connections")
  })
  afterEach(async () => {
    await shared.destroy()
  })
  after(async () => {
    await database?.drop()
  })

  type Settings = Knex.PoolConfig & { validate?: () => boolean }
  const connection = () => ({ connectionString: database.url })

  function clientOf(settings: Settings = {}, from: Knex.Config["connection"] = connection()): Client {
    shared = knex({
      client: "pg",
      connection: from,
      pool: { min: 0, max: 2, ...settings },
      acquireConnectionTimeout: 5_000,
    })
    const client = shared.client as Client
    // As Medusa does.
    client.pool.on("createFail", () => undefined)
    assert.ok(giveFreeAtOnce(shared as unknown as Connection))
    return client
  }

  /** As the pool stands. */
  const countsOf = ({ pool }: Client) => [pool.numUsed(), pool.numFree(), pool.numPendingAcquires()]
  /** Whether the pool itself gives it. */
  const isOfPool = (acquired: object) => "possibleTimeoutCause" in acquired

  it("is given without the pool, and given back to it", async () => {
    const client = clientOf()
    const first = await client.acquireConnection()
    await client.releaseConnection(first)
    assert.deepEqual(countsOf(client), [0, 1, 0])
    const acquired = client.pool.acquire()
    assert.equal(isOfPool(acquired), false)
    assert.deepEqual(countsOf(client), [1, 0, 0])
    assert.equal(await acquired.promise, first)
    await client.releaseConnection(first)
    assert.deepEqual(countsOf(client), [0, 1, 0])
    assert.equal((await shared.raw("select 1 as one")).rows[0].one, 1)
  })

  it("is taken by who cannot wait, if it is known to be good", async () => {
    const client = clientOf()
    assert.equal(takeFree(client.pool), undefined, "there is none")
    const first = await client.acquireConnection()
    await client.releaseConnection(first)
    assert.equal(takeFree(client.pool), first)
    assert.deepEqual(countsOf(client), [1, 0, 0])
    assert.equal(takeFree(client.pool), undefined, "it is used")
    await client.releaseConnection(first)
    assert.deepEqual(countsOf(client), [0, 1, 0])
    for (const mark of [{ __knex__disposed: new Error("ended") }, { __knexLifetimeLimit: 1 }]) {
      Object.assign(first, mark)
      assert.equal(takeFree(client.pool), undefined)
      Object.assign(first, { __knex__disposed: undefined, __knexLifetimeLimit: undefined })
    }
    client.pool.on("acquireRequest", () => undefined)
    assert.equal(takeFree(client.pool), undefined)
    assert.deepEqual(countsOf(client), [0, 1, 0])
    assert.equal(takeFree({}), undefined)
  })

  it("is not given to two", async () => {
    const client = clientOf()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => shared.raw("select ?::int as n, pg_backend_pid() as pid", [n])),
    )
    assert.deepEqual(
      answers.map(({ rows }) => rows[0].n),
      [...Array(40).keys()],
    )
    assert.deepEqual([client.pool.numUsed(), client.pool.numPendingAcquires()], [0, 0])
    const [one, other] = await Promise.all([client.acquireConnection(), client.acquireConnection()])
    assert.notEqual(one, other)
    for (const connection of [one, other]) await client.releaseConnection(connection)
  })

  it("is given up when it is no good", async () => {
    const client = clientOf()
    client.pool.validate = ((validate) => (connection: object) => {
      if ("fails" in connection) throw new Error("It cannot be told.")
      return validate(connection)
    })(client.pool.validate)
    for (const fault of ["__knex__disposed", "fails"]) {
      const bad = await client.acquireConnection()
      Object.assign(bad, { [fault]: true })
      await client.releaseConnection(bad)
      const good = await client.acquireConnection()
      assert.notEqual(good, bad)
      assert.equal((bad as { _ending?: boolean })._ending, true)
      assert.deepEqual(countsOf(client), [1, 0, 0])
      await client.releaseConnection(good)
    }
  })

  it("is looked for when it was not used for long", async () => {
    const client = clientOf({ idleTimeoutMillis: 10, reapIntervalMillis: 5 })
    await client.releaseConnection(await client.acquireConnection())
    client.pool._stopReaping()
    await client.releaseConnection(await client.acquireConnection())
    const until = Date.now() + 5_000
    while (client.pool.numFree() > 0 && Date.now() < until) await new Promise(setImmediate)
    assert.deepEqual(countsOf(client), [0, 0, 0])
  })

  it("is not given once the pool is closed", async () => {
    const { pool } = clientOf()
    const [held, free] = [await pool.acquire().promise, await pool.acquire().promise]
    pool.release(free)
    const closed = pool.destroy()
    const refused = assert.rejects(pool.acquire().promise, /aborted/)
    pool.release(held)
    await Promise.all([closed, refused])
  })

  it("is given by the pool to who looks at it himself, tells how to connect, or listens", async () => {
    for (const strange of [clientOf({ validate: () => true }), clientOf({}, async () => connection())]) {
      await strange.releaseConnection(await strange.acquireConnection())
      const given = strange.pool.acquire()
      assert.equal(isOfPool(given), true)
      await strange.releaseConnection(await given.promise)
      await strange.pool.destroy()
    }

    const heard = clientOf()
    const events: string[] = []
    heard.pool.on("acquireSuccess", () => events.push("given"))
    await heard.releaseConnection(await heard.acquireConnection())
    await heard.releaseConnection(await heard.acquireConnection())
    assert.deepEqual(events, ["given", "given"])
  })

  it("is left to a pool that is not as it was read", async () => {
    clientOf()
    const { client } = shared as unknown as { client: { pool: Partial<Pool>; config: object } }
    const { used: _, ...other } = client.pool
    const strange = { client: { pool: other, config: client.config } }
    assert.equal(giveFreeAtOnce(strange as unknown as Connection), false)
    assert.equal(giveFreeAtOnce({ client: { config: {} } } as unknown as Connection), false)
  })
})
