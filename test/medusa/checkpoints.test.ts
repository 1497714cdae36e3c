/** Which checkpoints are not asked for, with Medusa's own orchestrator and storage. */
import assert from "node:assert/strict"
import { before, beforeEach, describe, it } from "node:test"
import { DistributedTransaction, TransactionOrchestrator } from "@medusajs/framework/orchestration"
import { ulid } from "ulid"
import { isJustMade, spareCheckpoints } from "../../src/medusa/checkpoints"

const { InMemoryDistributedTransactionStorage } = require("@medusajs/workflow-engine-inmemory/dist/utils")

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
    assert.ok(spareCheckpoints())
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
