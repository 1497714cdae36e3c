/** What is saved of a flow at each step, by Medusa alone and with fewer copies: the same is there to be read, and the same goes to the database. */
import assert from "node:assert/strict"
import { before, describe, it } from "node:test"
import { setImmediate } from "node:timers/promises"
import { DistributedTransaction, TransactionOrchestrator } from "@medusajs/framework/orchestration"
import { copyCheckpointsOnce } from "../../src/medusa/checkpoint-copies"

const { InMemoryDistributedTransactionStorage } = require("@medusajs/workflow-engine-inmemory/dist/utils")

type Given = ConstructorParameters<typeof TransactionOrchestrator>[0]

interface Step {
  invoke: { state: string }
}
interface Engine {
  storage: Record<string, { flow: { cancelledAt?: number; steps: Record<string, Step> } }>
  isLocked: Map<string, true>
  save(...given: unknown[]): Promise<unknown>
  get(key: string): Promise<{ flow: object; errors: unknown[] } | undefined>
}

/** What is done while a step is invoked. */
type Act = (engine: Engine, key: string) => unknown

interface Case {
  steps: Given["definition"]
  acts: Record<string, Act>
}

const inTurn: Given["definition"] = { action: "first", next: { action: "second", next: { action: "third" } } }
const told = { answer: { id: "order_1", at: new Date(0) } }

const cases: Record<string, Case> = {
  "steps in turn": { steps: inTurn, acts: { first: () => told, second: () => told } },
  "steps side by side": {
    steps: { action: "first", next: [{ action: "second" }, { action: "third" }, { action: "fourth" }] },
    acts: { second: () => told },
  },
  "a step that gives nothing that is kept": {
    steps: { action: "first", saveResponse: false, next: { action: "second" } },
    acts: { first: () => told },
  },
  "a step that fails": {
    steps: inTurn,
    acts: {
      first: () => told,
      third: () => {
        throw new Error("no stock")
      },
    },
  },
  "a step that may fail": {
    steps: {
      action: "first",
      next: { action: "second", continueOnPermanentFailure: true, next: { action: "third" } },
    },
    acts: {
      second: () => {
        throw new Error("no matter")
      },
    },
  },
  "what cannot be written": { steps: inTurn, acts: { second: () => ({ many: 1n }) } },
  "a step that is kept in the database": {
    steps: { action: "first", next: { action: "second", store: true, next: { action: "third" } } },
    acts: { first: () => told },
  },
  "steps that run on their own": {
    steps: {
      action: "first",
      next: [
        { action: "second", async: true },
        { action: "third", async: true },
      ],
    },
    acts: { second: () => told, third: () => told },
  },
  "a step that may be tried again later": {
    steps: {
      action: "first",
      next: { action: "second", maxRetries: 1, retryIntervalAwaiting: 1, next: { action: "third" } },
    },
    acts: { second: () => told },
  },
  "a save that has to wait for another": {
    steps: inTurn,
    acts: {
      second: ({ isLocked }, key) => {
        isLocked.set(key, true)
        setTimeout(() => isLocked.delete(key), 10)
      },
    },
  },
  "a flow that is cancelled": {
    steps: inTurn,
    acts: {
      second: (engine, key) => {
        engine.storage[key]!.flow.cancelledAt = 1
      },
    },
  },
  "a step that another has ended": {
    steps: inTurn,
    acts: {
      second: (engine, key) => {
        engine.storage[key]!.flow.steps["_root.first.second"]!.invoke.state = "done"
      },
    },
  },
  "a flow that another has ended": {
    steps: inTurn,
    acts: {
      second: (engine, key) => {
        delete engine.storage[key]
      },
    },
  },
}

describe("a flow that keeps its state", () => {
  const written: unknown[] = []
  const refused: string[] = []
  let row: object | undefined
  const workflowExecutionService = {
    list: async () => (row ? [row] : []),
    upsert: async ([given]: [{ execution: object; context: object }]) => {
      written.push(plain(given))
      row = plain(given)
    },
    delete: async (given: unknown) => {
      written.push(plain({ deleted: given }))
      row = undefined
    },
  }
  const alone = new Map<string, unknown>()
  let engine: Engine

  /** What can be told of it: from within each step, and afterwards. */
  async function run(name: string): Promise<unknown> {
    const { steps, acts } = cases[name]!
    const id = `flow ${name}`
    const key = `dtrx:${id}:transaction`
    row = undefined
    written.length = 0
    refused.length = 0
    delete engine.storage[key]
    const orchestrator = new TransactionOrchestrator({
      id,
      definition: structuredClone(steps),
      options: { store: true, retentionTime: 60 },
    } as Given)
    const seen: unknown[] = []
    const handler = async (action: string, type: string, _payload: unknown) => {
      seen.push([action, type, plain(await engine.get(key))])
      if (type === "invoke") return acts[action]?.(engine, key)
      return { undone: action }
    }
    const transaction = await orchestrator.beginTransaction({
      transactionId: "transaction",
      handler,
    } as never)
    const fault = await orchestrator.resume(transaction).then(
      () => undefined,
      (error) => String(error),
    )
    for (let turn = 0; turn < 50 && !transaction.hasFinished(); turn++) await setImmediate()
    const { flow, context, errors } = plain(transaction) as unknown as Record<string, unknown>
    return timeless({ seen, fault, flow, context, errors, written, refused, left: engine.storage[key] })
  }

  before(async () => {
    engine = new InMemoryDistributedTransactionStorage({ workflowExecutionService, logger: console })
    DistributedTransaction.setStorage(engine as never)
    const { save } = engine
    engine.save = (...given) =>
      save.apply(engine, given).catch((error) => {
        refused.push(String(error))
        throw error
      })
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

const plain = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value, texts)))
const texts = (_key: string, value: unknown) => {
  if (typeof value === "bigint") return `${value}n`
  return value instanceof Error ? value.message : value
}

/** Without what differs from run to run. */
function timeless(value: unknown): unknown {
  const text = JSON.stringify(value, (name, one) => {
    if (/^(startedAt|cancelledAt|retryRescheduledAt|lastAttempt|runId|run_id|uuid|stack)$/.test(name))
      return typeof one
    return texts(name, one)
  })
  return JSON.parse(text)
}
