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
  let storage: { onApplicationShutdown(): Promise<void> }

  const change = async (key: string, change: (checkpoint: Checkpoint) => void) => {
    const checkpoint = JSON.parse((await other.get(key))!)
    change(checkpoint)
    await other.set(key, JSON.stringify(checkpoint))
  }

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
    const forget = async (key: string) => void (await other.del(key))
    const left = async (key: string) => JSON.parse((await other.get(key)) ?? "null")
    const turn = () => redis.ping()
    run = runnerOn({ storage: made, change, forget, hold: () => undefined, turn, left }, table)
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

  /** The steps that are invoked when another process cancels the flow while it is saved that the second begins. */
  const invoked = async (name: string) => {
    const { eval: evaluate } = redis
    let isCancelled = false
    redis.eval = (async (...given: [string, 1, string, string, string, string]) => {
      const { steps } = (JSON.parse(given[5]) as Checkpoint).flow
      if (!isCancelled && steps["_root.first.second"]!.invoke.state === "invoking") {
        isCancelled = true
        await change(given[2], ({ flow }) => {
          flow.cancelledAt = 1
        })
      }
      return evaluate.apply(redis, given)
    }) as never
    try {
      const { seen } = (await run(name)) as { seen: [string, string][] }
      assert.ok(isCancelled)
      return seen.filter(([, type]) => type === "invoke").map(([action]) => action)
    } finally {
      redis.eval = evaluate
    }
  }

  it("is heard to be cancelled before a step that has something to compensate", async () => {
    assert.deepEqual(await invoked("steps in turn"), ["first"])
  })

  it("is heard to be cancelled after a step that has nothing to compensate", async () => {
    assert.deepEqual(await invoked("steps with nothing to compensate"), ["first", "second"])
  })

  for (const name of Object.keys(cases)) {
    it(`is saved as ever: ${name}`, async () => {
      assert.deepEqual(await run(name), alone.get(name))
    })
  }
})
