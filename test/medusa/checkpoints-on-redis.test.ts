/** What is saved of a flow on Redis at each step, by Medusa alone and in one go: the same is there to be read, and the same goes to the database. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { DistributedTransaction } from "@medusajs/framework/orchestration"
import Redis from "ioredis"
import { need, type Services } from "../../demo/run/services"
import { saveCheckpointsInOneGo } from "../../src/medusa/checkpoints-on-redis"
import { type Checkpoint, cases, executions, runnerOn } from "../support/kept-flows"

const { RedisDistributedTransactionStorage } = require("@medusajs/workflow-engine-redis/dist/utils")

describe("a flow that keeps its state on Redis", () => {
  const alone = new Map<string, unknown>()
  let run: ReturnType<typeof runnerOn>
  let services: Services
  let redis: Redis
  /** Of another process. */
  let other: Redis
  let storage: { queue: object; onApplicationShutdown(): Promise<void> }

  before(async () => {
    services = await need(["redis"])
    redis = new Redis(services.urls.redis, { maxRetriesPerRequest: null })
    other = new Redis(services.urls.redis)
    const { workflowExecutionService, ...table } = executions()
    const made = new RedisDistributedTransactionStorage({
      workflowExecutionService,
      redisConnection: redis,
      redisQueueName: "pegasus-test",
      logger: console,
    })
    storage = made
    DistributedTransaction.setStorage(made)
    const change = async (key: string, change: (checkpoint: Checkpoint) => void) => {
      const checkpoint = JSON.parse((await other.get(key))!)
      change(checkpoint)
      await other.set(key, JSON.stringify(checkpoint))
    }
    const forget = async (key: string) => void (await other.del(key))
    const left = async (key: string) => JSON.parse((await other.get(key)) ?? "null")
    run = runnerOn({ storage: made, change, forget, hold: () => undefined, left }, table)
    for (const name of Object.keys(cases)) alone.set(name, await run(name))
  })
  after(async () => {
    await storage.onApplicationShutdown()
    redis.disconnect()
    other.disconnect()
    await services.release()
  })

  it("is saved in one go", async (test) => {
    const ways = async () => {
      const looks = test.mock.method(redis, "get")
      await run("steps in turn")
      looks.mock.restore()
      return looks.mock.callCount()
    }
    const before = await ways()
    assert.ok(saveCheckpointsInOneGo())
    assert.ok((await ways()) < before)
  })

  for (const name of Object.keys(cases)) {
    it(`is saved as ever: ${name}`, async () => {
      assert.deepEqual(await run(name), alone.get(name))
    })
  }
})
