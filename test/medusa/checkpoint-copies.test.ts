/** What is saved of a flow at each step, by Medusa alone and with fewer copies: the same is there to be read, and the same goes to the database. */
import assert from "node:assert/strict"
import { before, describe, it } from "node:test"
import { setImmediate } from "node:timers/promises"
import { DistributedTransaction } from "@medusajs/framework/orchestration"
import { copyCheckpointsOnce } from "../../src/medusa/checkpoint-copies"
import { type Checkpoint, cases, executions, runnerOn } from "../support/kept-flows"

const { InMemoryDistributedTransactionStorage } = require("@medusajs/workflow-engine-inmemory/dist/utils")

describe("a flow that keeps its state", () => {
  const alone = new Map<string, unknown>()
  let run: ReturnType<typeof runnerOn>

  before(async () => {
    const { workflowExecutionService, ...table } = executions()
    const storage = new InMemoryDistributedTransactionStorage({ workflowExecutionService, logger: console })
    DistributedTransaction.setStorage(storage)
    const checkpoints = storage.storage as Record<string, Checkpoint>
    const engine = {
      storage,
      change: (key: string, change: (checkpoint: Checkpoint) => void) => change(checkpoints[key]!),
      forget: (key: string) => delete checkpoints[key] && undefined,
      hold: (key: string) => {
        storage.isLocked.set(key, true)
        setTimeout(() => storage.isLocked.delete(key), 10)
      },
      turn: () => setImmediate(),
      left: (key: string) => checkpoints[key],
    }
    run = runnerOn(engine, table)
    for (const name of Object.keys(cases)) alone.set(name, await run(name))
  })

  it("is saved with fewer copies", async (test) => {
    const copies = async () => {
      const parse = test.mock.method(JSON, "parse")
      await run("steps in turn")
      parse.mock.restore()
      return parse.mock.callCount()
    }
    const before = await copies()
    assert.ok(copyCheckpointsOnce())
    assert.ok((await copies()) < before)
  })

  for (const name of Object.keys(cases)) {
    it(`is saved as ever: ${name}`, async () => {
      assert.deepEqual(await run(name), alone.get(name))
    })
  }
})
