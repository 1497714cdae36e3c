/** Flows that keep their state, run by Medusa's own orchestrator on one of its engines, and all that can be told of what is saved of them. */
import { TransactionOrchestrator } from "@medusajs/framework/orchestration"

type Given = ConstructorParameters<typeof TransactionOrchestrator>[0]

export interface Checkpoint {
  flow: { cancelledAt?: number; steps: Record<string, { invoke: { state: string } }> }
}

/** Of a workflow engine of Medusa's, as another process may use it. */
export interface Engine {
  /** Medusa's own. */
  storage: {
    save(...given: unknown[]): Promise<unknown>
    get(key: string): Promise<{ flow: object; errors: unknown[] } | undefined>
  }
  change(key: string, change: (checkpoint: Checkpoint) => void): unknown
  forget(key: string): unknown
  /** Lets a save wait for a moment. */
  hold(key: string): unknown
  /** Until what was asked before is answered, which lets steps that run on their own go on. */
  turn(): Promise<unknown>
  /** What is there when all has ended. */
  left(key: string): unknown
}

interface Transaction {
  saveCheckpoint(options: { stepId: string }): Promise<unknown>
}

/** What is done while a step is invoked. */
type Act = (engine: Engine, key: string, transaction: Transaction) => unknown

interface Case {
  steps: Given["definition"]
  acts: Record<string, Act>
}

const inTurn: Given["definition"] = { action: "first", next: { action: "second", next: { action: "third" } } }
const told = { answer: { id: "order_1", at: new Date(0) } }

export const cases: Record<string, Case> = {
  "steps in turn": { steps: inTurn, acts: { first: () => told, second: () => told } },
  "steps with nothing to compensate": {
    steps: {
      action: "first",
      next: { action: "second", noCompensation: true, next: { action: "third", noCompensation: true } },
    },
    acts: { first: () => told, second: () => told },
  },
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
      second: (engine, key) => engine.hold(key),
    },
  },
  "a flow that is cancelled": {
    steps: inTurn,
    acts: {
      second: (engine, key) =>
        engine.change(key, ({ flow }) => {
          flow.cancelledAt = 1
        }),
    },
  },
  "a step that another has ended": {
    steps: inTurn,
    acts: {
      second: (engine, key) =>
        engine.change(key, ({ flow }) => {
          flow.steps["_root.first.second"]!.invoke.state = "done"
        }),
    },
  },
  "a step that ends twice": {
    steps: inTurn,
    acts: {
      second: (_engine, _key, transaction) =>
        transaction.saveCheckpoint({ stepId: "_root.first" }).then(() => undefined, String),
    },
  },
  "a flow that another has ended": {
    steps: inTurn,
    acts: {
      second: (engine, key) => engine.forget(key),
    },
  },
}

/** The table of executions, with one row. */
export function executions() {
  const written: unknown[] = []
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
  const empty = () => {
    written.length = 0
    row = undefined
  }
  return { workflowExecutionService, written, empty }
}

/** @returns what runs a case, and gives what can be told of it: from within each step, and afterwards */
export function runnerOn(
  engine: Engine,
  { written, empty }: Pick<ReturnType<typeof executions>, "written" | "empty">,
) {
  const { storage } = engine
  const refused: string[] = []
  const { save } = storage
  storage.save = (...given) =>
    save.apply(storage, given).catch((error) => {
      refused.push(String(error))
      throw error
    })
  return async (name: string): Promise<unknown> => {
    const { steps, acts } = cases[name]!
    const id = `flow ${name}`
    const key = `dtrx:${id}:transaction`
    empty()
    refused.length = 0
    await engine.forget(key)
    const orchestrator = new TransactionOrchestrator({
      id,
      definition: structuredClone(steps),
      options: { store: true, retentionTime: 60 },
    } as Given)
    const seen: unknown[] = []
    const handler = async (action: string, type: string, _payload: unknown, transaction: Transaction) => {
      seen.push([action, type, plain(await storage.get(key))])
      if (type === "invoke") return acts[action]?.(engine, key, transaction)
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
    for (let turn = 0; turn < 50 && !transaction.hasFinished(); turn++) await engine.turn()
    const { flow, context, errors } = plain(transaction) as unknown as Record<string, unknown>
    const left = await engine.left(key)
    return timeless({ seen, fault, flow, context, errors, written, refused, left })
  }
}

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
