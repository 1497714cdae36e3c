/** How workflows stand, beside what Medusa's own orchestrator tells of them. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { isDeepStrictEqual } from "node:util"
import {
  DistributedTransaction,
  OrchestratorBuilder,
  TransactionOrchestrator,
  TransactionStepStatus,
} from "@medusajs/framework/orchestration"
import { TransactionState, TransactionStepState } from "@medusajs/framework/utils"
import { StepResponse } from "@medusajs/framework/workflows-sdk"
import {
  cheapenBuilders,
  cheapenSaves,
  cheapenSkips,
  cheapenStandings,
  standingOf,
} from "../../src/medusa/cheap-flows"
import { pickOf, randomOf } from "../history/random"

const seed = Number(process.env.SEED ?? Date.now() % 100_000)

type Orchestrator = Parameters<typeof standingOf>[0] & {
  beginTransaction(options: object): Promise<Transaction>
  resume(transaction: Transaction): Promise<void>
  computeCurrentTransactionState(transaction: Transaction): ReturnType<typeof standingOf>
}
type Flow = Parameters<typeof standingOf>[1]
interface Transaction {
  getFlow(): Flow
  saveCheckpoint(): Promise<unknown>
}
type Step = Flow["steps"][string] & Record<string, unknown>

const prototype = TransactionOrchestrator.prototype as unknown as Orchestrator
const stock = prototype.computeCurrentTransactionState

const orchestratorOf = (id: string, definition: object, options: object = {}) =>
  new TransactionOrchestrator({ id, definition, options } as never) as unknown as Orchestrator

const begin = (orchestrator: Orchestrator, handler: () => Promise<unknown> = async () => "done") =>
  orchestrator.beginTransaction({ transactionId: `t${Math.random()}`, handler, payload: {} })

let count = 0

/** A workflow by chance, in the midst of what it does. The same seed gives the same. */
async function workflow(n: number) {
  const random = randomOf(n)
  const pick = pickOf(random)
  let actions = 0
  const next = (depth: number): object => {
    const step = { action: `a${actions++}`, noWait: random() < 0.1 }
    const many = depth > 4 ? 0 : Math.floor(random() * 3)
    const those = Array.from({ length: many }, () => next(depth + 1))
    return { ...step, ...(many > 0 && { next: many > 1 ? those : those[0] }) }
  }
  const orchestrator = orchestratorOf(`by chance ${n}`, { next: next(0) })
  const transaction = await begin(orchestrator)
  const flow = transaction.getFlow()
  const isUsual = random() < 0.5
  flow.state = isUsual || random() < 0.7 ? TransactionState.INVOKING : TransactionState.COMPENSATING
  const usual: [TransactionStepState, TransactionStepStatus][] = [
    [TransactionStepState.DONE, TransactionStepStatus.OK],
    [TransactionStepState.DONE, TransactionStepStatus.OK],
    [TransactionStepState.SKIPPED, TransactionStepStatus.OK],
    [TransactionStepState.INVOKING, TransactionStepStatus.WAITING],
    [TransactionStepState.NOT_STARTED, TransactionStepStatus.IDLE],
  ]
  const other = [
    () => pick(Object.values(TransactionStepState)),
    () => pick(Object.values(TransactionStepStatus)),
  ] as const
  for (const one of stepsOf(flow)) {
    const step = one as Step
    if (!isUsual && random() < 0.2) {
      const names = ["timeout", "retryIntervalAwaiting", "retryInterval"] as const
      step.definition = { ...step.definition, [pick(names)]: 1 }
      const facts = [{ stepFailed: true }, { startedAt: 1 }, { retryRescheduledAt: 1 }, { lastAttempt: 1 }]
      Object.assign(step, pick(facts))
    }
    const [state, status] = isUsual || random() < 0.8 ? pick(usual) : [other[0](), other[1]()]
    Object.assign(step.getStates(), { state, status })
  }
  return { orchestrator, transaction, flow }
}

/** But the one that all begin after. */
const stepsOf = ({ steps }: Flow) =>
  Object.entries(steps).flatMap(([id, step]) => (id === "_root" ? [] : [step]))

const flagsOf = ({ hasWaitingSteps, hasRevertedSteps }: Flow) => ({ hasWaitingSteps, hasRevertedSteps })

describe("how a workflow stands", () => {
  after(() => {
    prototype.computeCurrentTransactionState = stock
  })

  it(`is what Medusa tells, whatever was done (seed ${seed})`, async () => {
    let told = 0
    for (let n = seed; n < seed + 3_000; n++) {
      const { orchestrator, transaction, flow } = await workflow(n)
      const standing = standingOf(orchestrator, flow)
      if (!standing) continue
      told++
      const before = JSON.stringify(Object.values(flow.steps))
      const expected = await stock.call(orchestrator, transaction)
      assert.ok(isDeepStrictEqual(standing, expected), `seed ${n}`)
      assert.equal(JSON.stringify(Object.values(flow.steps)), before, `seed ${n}: Medusa changes nothing`)
      const flags = { hasWaitingSteps: standing.hasWaiting, hasRevertedSteps: standing.hasReverted }
      assert.deepEqual(flagsOf(flow), flags, `seed ${n}`)
    }
    assert.ok(told > 1_000)
  })

  it("is told without Medusa once that was right some times", async () => {
    const warnings: string[] = []
    let asked = 0
    prototype.computeCurrentTransactionState = function (transaction) {
      asked++
      return stock.call(this, transaction)
    }
    assert.ok(cheapenStandings((message) => warnings.push(message)))
    const orchestrator = orchestratorOf("told", { next: { action: "a", next: { action: "b" } } })
    const runs = async (times: number) => {
      const before = asked
      for (let time = 0; time < times; time++) {
        const done: unknown[] = []
        const transaction = await begin(orchestrator, async () => done.push(1))
        await orchestrator.resume(transaction)
        assert.equal(transaction.getFlow().state, TransactionState.DONE)
        assert.equal(done.length, 2)
        assert.deepEqual(flagsOf(transaction.getFlow()), { hasWaitingSteps: false, hasRevertedSteps: false })
      }
      return asked - before
    }
    assert.ok((await runs(20)) >= 20)
    assert.equal(await runs(5), 0)
    assert.deepEqual(warnings, [])
    const transaction = await begin(orchestrator)
    const flow = transaction.getFlow()
    Object.assign(flow, { state: TransactionState.INVOKING, hasRevertedSteps: true })
    const [step] = stepsOf(flow)
    const waits = { state: TransactionStepState.INVOKING, status: TransactionStepStatus.WAITING }
    Object.assign(step!.getStates(), waits)
    await orchestrator.computeCurrentTransactionState(transaction)
    assert.deepEqual(flagsOf(flow), { hasWaitingSteps: true, hasRevertedSteps: false })
  })

  it("is asked of Medusa again once it told otherwise, with one warning", async () => {
    const isLeftOut = { hasWaitingSteps: undefined }
    for (const [otherwise, flags] of [[{ completed: 7 }], [{ hasWaiting: true }], [{}, isLeftOut]]) {
      const warnings: string[] = []
      let asked = 0
      prototype.computeCurrentTransactionState = async function (
        this: Orchestrator,
        transaction: Transaction,
      ) {
        asked++
        const standing = { ...(await stock.call(this, transaction))!, ...otherwise }
        Object.assign(transaction.getFlow(), flags)
        return standing
      } as never
      assert.ok(cheapenStandings((message) => warnings.push(message)))
      const orchestrator = orchestratorOf(`otherwise ${count++}`, { next: { action: "a" } })
      const transaction = await begin(orchestrator)
      transaction.getFlow().state = TransactionState.INVOKING
      const compute = () => orchestrator.computeCurrentTransactionState(transaction)
      await Promise.all([compute(), compute()])
      for (let time = 3; time < 60; time++) {
        const standing = await compute()
        assert.ok(isDeepStrictEqual({ ...standing, ...otherwise }, standing))
        assert.equal(asked, time)
      }
      assert.equal(warnings.length, 1)
    }
  })

  it("is not taken for another when a step ends while Medusa is asked", async () => {
    const warnings: string[] = []
    prototype.computeCurrentTransactionState = async function (this: Orchestrator, transaction: Transaction) {
      const standing = await stock.call(this, transaction)
      const [step] = stepsOf(transaction.getFlow())
      Object.assign(step!.getStates(), { state: TransactionStepState.DONE, status: TransactionStepStatus.OK })
      return stock.call(this, transaction) ?? standing
    } as never
    assert.ok(cheapenStandings((message) => warnings.push(message)))
    const orchestrator = orchestratorOf("meanwhile", { next: { action: "a" } })
    const transaction = await begin(orchestrator)
    transaction.getFlow().state = TransactionState.INVOKING
    await orchestrator.computeCurrentTransactionState(transaction)
    assert.deepEqual(warnings, [])
  })

  it("is told by Medusa when it is not as expected", () => {
    try {
      prototype.computeCurrentTransactionState = undefined as never
      assert.equal(
        cheapenStandings(() => undefined),
        false,
      )
      assert.equal(prototype.computeCurrentTransactionState, undefined)
    } finally {
      prototype.computeCurrentTransactionState = stock
    }
  })
})

describe("a workflow that is not kept", () => {
  const saves = DistributedTransaction.prototype as unknown as {
    saveCheckpoint(given?: object): Promise<unknown>
  }
  const save = saves.saveCheckpoint
  const kept: unknown[] = []
  before(() => {
    saves.saveCheckpoint = async (given) => {
      kept.push(given)
    }
    assert.ok(cheapenSaves())
  })
  after(() => {
    saves.saveCheckpoint = save
  })

  it("is not saved, and others are", async () => {
    const transaction = await begin(orchestratorOf("not kept", { next: { action: "a" } }))
    await transaction.saveCheckpoint()
    assert.equal(kept.length, 0)
    for (const options of [{ store: true }, { retentionTime: 5 }, { timeout: 5 }]) {
      kept.length = 0
      const orchestrator = orchestratorOf(`kept ${count++}`, { next: { action: "a" } }, options)
      const transaction = await begin(orchestrator)
      kept.length = 0
      await transaction.saveCheckpoint()
      assert.equal(kept.length, 1)
    }
  })
})

describe("the definition of a workflow", () => {
  const builders = OrchestratorBuilder.prototype as unknown as { load(steps: unknown): unknown }
  const load = builders.load
  after(() => {
    builders.load = load
  })
  const built = () => {
    const definition = { action: "a", next: [{ action: "b" }, { action: "c", next: { action: "d" } }] }
    const asItIs = new OrchestratorBuilder(definition as never).build()
    const builder = new OrchestratorBuilder(definition as never)
    builder.appendAction("e", "d", { maxRetries: 2 })
    builder.deleteAction("b")
    assert.ok(builder.hasChanges)
    return { asItIs, changed: builder.build(), definition, empty: new OrchestratorBuilder().build() }
  }

  it("is what it was, and its own, when it is copied late", () => {
    const before = built()
    let loaded = 0
    builders.load = function (steps) {
      loaded++
      return load.call(this, steps)
    }
    assert.ok(cheapenBuilders())
    const builder = new OrchestratorBuilder({ action: "a" } as never)
    assert.equal(builder.hasChanges, false)
    assert.equal(loaded, 0)
    assert.equal(builder.load({ action: "b" } as never), builder)
    assert.deepEqual(builder.build(), { action: "b" })
    assert.equal(loaded, 1)
    assert.deepEqual(built(), before)
  })
})

describe("a step that is skipped", () => {
  const skip = StepResponse.skip
  after(() => {
    StepResponse.skip = skip
  })

  it("does not ask where it was skipped", () => {
    const { stackTraceLimit } = Error
    assert.match((StepResponse.skip() as Error).stack!, /\n/)
    assert.ok(cheapenSkips())
    const skipped = StepResponse.skip() as Error
    assert.doesNotMatch(skipped.stack!, /\n/)
    assert.equal(skipped.name, "SkipStepResponse")
    assert.equal(Error.stackTraceLimit, stackTraceLimit)
  })
})
