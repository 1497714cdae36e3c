/**
 * A flow that keeps its state (`complete-cart`) saves it at each of its forty steps. Medusa's engine in memory copies it as JSON five times for that: all that the
 * steps gave so far, to see that it can be written and again to keep it, and the steps' states, twice. What is ever read of it is one copy of
 * the states, and seldom. So between the first save and the last, which go to the database, that one is made when it is read, of how its steps stand then, and what a step gave is tried once.
 *
 * The seam: `saveCheckpoint` (orchestration/dist/transaction/distributed-transaction.js:336, 2.21.2), in place of it and of `save`
 * (workflow-engine-inmemory/dist/utils/workflow-orchestrator-storage.js:235). Whatever is not plain is saved by Medusa: steps that wait or are kept in the
 * database, failures, flows that go back, are cancelled or were taken over.
 */
import { DistributedTransaction, TransactionOrchestrator } from "@medusajs/framework/orchestration"
import { TransactionState, TransactionStepState } from "@medusajs/framework/utils"
import { storageInMemory } from "./checkpoints"

interface Step {
  invoke?: { state: TransactionStepState }
  definition?: { store?: boolean; noCompensation?: boolean }
}

export interface Flow {
  state: TransactionState
  steps: Record<string, Step>
  definition: unknown
  options: { store?: boolean } | undefined
  cancelledAt?: number
}

interface Context {
  invoke: Record<string, unknown>
}

interface Checkpoint {
  flow: Flow
  context: Context
  errors: unknown[]
}

export interface Transaction {
  modelId: string
  transactionId: string
  getFlow(): Flow
  getContext(): Context
  getErrors(): unknown[]
}

export interface SaveOptions {
  stepId?: string
}

interface Storage {
  storage?: Record<string, Checkpoint>
  isLocked?: Map<string, true>
}

interface Transactions {
  prototype: { saveCheckpoint?: (this: Transaction, options?: SaveOptions) => Promise<unknown> }
}

/**
 * Another workflow engine than the one in memory is left alone.
 * @returns false when it is not as expected, and nothing was changed
 */
export function copyCheckpointsOnce(): boolean {
  const keyValueStore = storageInMemory<Storage>()
  if (!keyValueStore) return true
  const { storage, isLocked } = keyValueStore
  const { prototype } = DistributedTransaction as unknown as Transactions
  const save = prototype.saveCheckpoint
  if (typeof save !== "function" || typeof storage !== "object" || !(isLocked instanceof Map)) return false
  prototype.saveCheckpoint = function (options = {}) {
    const key = keyOf(this)
    const last = isLocked.has(key) ? undefined : lastOf(storage[key])
    const state = options.stepId === undefined ? undefined : last?.states[options.stepId]
    if (!last || !goesOn(this, state, last.given)) return save.call(this, options)
    storage[key] = madeWhenRead(this)
    return Promise.resolve(storage[key])
  }
  return true
}

/** Under which it is saved. */
export function keyOf({ modelId, transactionId }: Transaction): string {
  const { keyPrefix } = DistributedTransaction as unknown as { keyPrefix: string }
  return TransactionOrchestrator.getKeyName(keyPrefix, modelId, transactionId)
}

/** How a flow stood when it was saved. */
interface Last {
  /** Of its steps, by their ids. */
  states: Record<string, TransactionStepState | undefined>
  given: Context["invoke"]
}

/** Of those that nobody has read, and changed, since. */
const unread = new WeakMap<Checkpoint, Last>()

/** @returns undefined of a flow that Medusa must save */
function lastOf(saved: Checkpoint | undefined): Last | undefined {
  const last = saved && unread.get(saved)
  if (last || !saved?.flow.steps || saved.flow.cancelledAt) return last
  return { states: statesOf(saved.flow), given: saved.context.invoke }
}

function madeWhenRead(transaction: Transaction): Checkpoint {
  let made: Checkpoint | undefined
  const flow = { ...transaction.getFlow() }
  const context = { ...transaction.getContext() }
  context.invoke = { ...context.invoke }
  const read = () => {
    made ??= copyOf(flow, context)
    unread.delete(checkpoint)
    return made
  }
  const checkpoint: Checkpoint = {
    get flow() {
      return read().flow
    },
    get context() {
      return read().context
    },
    get errors() {
      return read().errors
    },
  }
  unread.set(checkpoint, { states: statesOf(flow), given: context.invoke })
  return checkpoint
}

export function statesOf({ steps }: Pick<Flow, "steps">): Last["states"] {
  const states: Last["states"] = {}
  for (const id in steps) states[id] = steps[id]!.invoke?.state
  return states
}

/** What the steps gave is not copied. Nor is how they are defined, which stays as it is. */
function copyOf({ definition, options, steps, ...states }: Flow, context: Context): Checkpoint {
  const copies = Object.fromEntries(Object.entries(steps).map(([id, step]) => [id, copyOfStep(step)]))
  const flow = { ...JSON.parse(JSON.stringify(states)), definition, options, steps: copies }
  return { flow, context, errors: [] }
}

function copyOfStep({ definition, ...states }: Step): Step {
  return { ...JSON.parse(JSON.stringify(states)), definition }
}

/**
 * Whether nothing is done when this is saved, but that it is kept.
 * @param state of the step it is saved for, when it was saved last
 * @param given what the steps had given then
 */
export function goesOn(transaction: Transaction, state: unknown, given: Context["invoke"]): boolean {
  const isEnded = state !== undefined && !isOpen(state)
  return isUnderWay(transaction) && !isEnded && canBeWritten(transaction.getContext(), given)
}

/** Whether it goes forward, and nothing of it is kept in the database meanwhile. A step that waits, or is tried again later, is to be stored (`store`). */
export function isUnderWay(transaction: Transaction): boolean {
  const { state, cancelledAt, steps } = transaction.getFlow()
  if (state !== TransactionState.INVOKING || cancelledAt || transaction.getErrors().length > 0) return false
  return !Object.values(steps).some((step) => step.definition?.store)
}

/** Whether a step has not ended. */
const isOpen = (state: unknown) =>
  state === TransactionStepState.NOT_STARTED || state === TransactionStepState.INVOKING

/**
 * What a step gave is tried when it is new; with all that was given before by Medusa, when the flow ends.
 * @param before what was tried
 */
function canBeWritten({ invoke }: Context, before: Context["invoke"]): boolean {
  try {
    for (const [step, given] of Object.entries(invoke)) {
      if (before[step] !== given) JSON.stringify(given)
    }
    return true
  } catch {
    return false
  }
}
