/** Which checkpoints are not asked for, with Medusa's own orchestrator and storage. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { DistributedTransaction, TransactionOrchestrator } from "@medusajs/framework/orchestration"
import Redis from "ioredis"
import { ulid } from "ulid"
import { need, type Services } from "../../demo/run/services"
import { isJustMade, spareCheckpoints } from "../../src/medusa/checkpoints"

const { InMemoryDistributedTransactionStorage } = require("@medusajs/workflow-engine-inmemory/dist/utils")
const { RedisDistributedTransactionStorage } = require("@medusajs/workflow-engine-redis/dist/utils")

describe("checkpoints", () => {
  let asked: number
  const workflowExecutionService = {
    list: async () => {
      asked++
      return []
    },
    upsert: async (): Promise<unknown> => [],
  }
  const orchestrator = new TransactionOrchestrator({
    id: "flow",
    definition: { action: "step" },
  } as ConstructorParameters<typeof TransactionOrchestrator>[0])
  const begin = (transactionId: string) =>
    orchestrator.beginTransaction({ transactionId, handler: async () => undefined } as never)

  before(() => {
    DistributedTransaction.setStorage(
      new InMemoryDistributedTransactionStorage({ workflowExecutionService, logger: console }),
    )
    assert.ok(spareCheckpoints({ hasMade: () => false }))
  })
  beforeEach(() => {
    asked = 0
  })

  it("of an id that was just made up are not asked for, nested or not", async () => {
    const id = `auto-${ulid()}`
    await begin(id)
    await begin(`refresh-cart-as-step-${id}`)
    await begin(`refresh-cart-as-step-${id}-attempt-2`)
    assert.equal(asked, 0)
  })

  it("are not asked for to be saved for the first time", async () => {
    const { keyValueStore } = DistributedTransaction as unknown as {
      keyValueStore: { save(...given: unknown[]): Promise<unknown> }
    }
    const save = async (id: string, state = "not_started") => {
      asked = 0
      const flow = { state, transactionId: id, steps: {} }
      await keyValueStore.save(`dtrx:flow:${id}`, { flow, context: {}, errors: [] }).catch(() => undefined)
      return asked
    }
    assert.equal(await save("order-1"), 1)
    assert.equal(await save(`auto-${ulid()}`, "invoking"), 1, "another process began it")
    const [id, failed] = [`auto-${ulid()}`, `auto-${ulid()}`]
    assert.equal(await save(id), 0)
    workflowExecutionService.upsert = () => Promise.reject(new Error("none"))
    assert.equal(await save(failed), 0)
    await begin(failed)
    assert.equal(asked, 1, "it may be there now")
  })

  it("are asked for when they may be there", async () => {
    const ask = async (id: string) => {
      asked = 0
      await begin(id)
      return asked
    }
    assert.equal(await ask("order-1"), 1, "someone chose the id")
    assert.equal(await ask(`auto-${ulid(Date.now() - 61_000)}`), 1, "it is old")
    const saved = `auto-${ulid()}`
    const { keyValueStore } = DistributedTransaction as unknown as {
      keyValueStore: { save(...given: unknown[]): Promise<unknown> }
    }
    await keyValueStore.save(`dtrx:flow:${saved}`, {}).catch(() => undefined)
    assert.equal(await ask(saved), 1, "it was saved")
    asked = 0
    const other = `auto-${ulid()}`
    await assert.rejects(orchestrator.retrieveExistingTransaction(other, async () => undefined))
    assert.equal(asked, 1, "it is not begun but continued")
  })

  it("may be there from before the process began", () => {
    const now = Date.now()
    assert.ok(isJustMade(`auto-${ulid(now)}`, now))
    assert.ok(!isJustMade(`auto-${ulid(Math.floor(performance.timeOrigin) - 1)}`, performance.timeOrigin + 1))
    assert.ok(!isJustMade(`auto-${ulid(now + 1_000)}`, now), "a clock that was set back")
    assert.ok(!isJustMade("auto-me", now))
  })
})

describe("checkpoints on Redis", () => {
  const made = new Set<string>()
  let asked = 0
  let services: Services
  let redis: Redis
  let storage: { save(...given: unknown[]): Promise<unknown>; onApplicationShutdown(): Promise<void> }
  const workflowExecutionService = {
    list: async () => {
      asked++
      return []
    },
    upsert: async () => [],
  }
  const orchestrator = new TransactionOrchestrator({
    id: "flow",
    definition: { action: "step" },
  } as ConstructorParameters<typeof TransactionOrchestrator>[0])
  const begin = async (transactionId: string) => {
    asked = 0
    await orchestrator.beginTransaction({ transactionId, handler: async () => undefined } as never)
    return asked
  }
  const save = async (transactionId: string) => {
    asked = 0
    const flow = { state: "not_started", transactionId, steps: {} }
    await storage.save(`dtrx:flow:${transactionId}`, { flow, context: {}, errors: [] })
    return asked
  }

  before(async () => {
    services = await need(["redis"])
    redis = new Redis(services.urls.redis, { maxRetriesPerRequest: null })
    storage = new RedisDistributedTransactionStorage({
      workflowExecutionService,
      redisConnection: redis,
      redisQueueName: "pegasus-test",
      logger: console,
    })
    DistributedTransaction.setStorage(storage as never)
    assert.ok(spareCheckpoints({ hasMade: (id) => made.has(id) }))
  })
  after(async () => {
    await storage.onApplicationShutdown()
    redis.disconnect()
    await services.release()
  })

  it("are not asked for by the request that made up the id", async () => {
    const [id, other] = [ulid(), ulid()]
    made.add(id).add(other)
    assert.equal(await begin(`auto-${id}`), 0)
    assert.equal(await begin(`refresh-cart-as-step-auto-${id}-attempt-2`), 0)
    assert.equal(await save(`auto-${other}`), 0)
    assert.ok(await redis.exists(`dtrx:flow:auto-${other}`), "it is saved")
    assert.equal(await begin(`auto-${other}`), 1, "it was saved")
  })

  it("are asked for by everybody else: another process may have begun it a moment ago", async () => {
    assert.equal(await begin(`auto-${ulid()}`), 1)
    assert.equal(await begin(`refresh-cart-as-step-auto-${ulid()}`), 1)
    assert.equal(await save(`auto-${ulid()}`), 1)
  })
})
