/**
 * A flow that keeps its state (`complete-cart`) saves it at each of its forty steps. Medusa's engine in memory copies it as JSON five times for that: all that the
 * steps gave so far, to see that it can be written and again to keep it, and the steps' states, twice. What is ever read of it is one copy of
 * the states. So between the first save and the last, which go to the database, that one is made, and what a step gave is tried once.
 *
 * The seam: `saveCheckpoint` (orchestration/dist/transaction/distributed-transaction.js:336, 2.21.2), in place of it and of `save`
 * (workflow-engine-inmemory/dist/utils/workflow-orchestrator-storage.js:235). Whatever is not plain is saved by Medusa: steps that wait or are kept in the
 * database, failures, flows that go back, are cancelled or were taken over.
 */
import { DistributedTransaction, TransactionOrchestrator } from "@medusajs/framework/orchestration"
import { TransactionState, TransactionStepState } from "@medusajs/framework/utils"
import { copyOf } from "../engine"
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
    const saved = storage[key]
    const isPlain = saved?.flow.steps && !saved.flow.cancelledAt && !isLocked.has(key)
    const state =
      options.stepId === undefined ? undefined : saved?.flow.steps?.[options.stepId]?.invoke?.state
    if (!isPlain || !goesOn(this, state, saved.context.invoke)) return save.call(this, options)
    storage[key] = copyOfState(this, saved)
    return Promise.resolve(storage[key])
  }
  return true
}

/** Under which it is saved. */
export function keyOf({ modelId, transactionId }: Transaction): string {
  const { keyPrefix } = DistributedTransaction as unknown as { keyPrefix: string }
  return TransactionOrchestrator.getKeyName(keyPrefix, modelId, transactionId)
}

/**
 * What the steps gave is not copied; what they give from now on is not in it. Nor is how they are defined, which stays as it is, and the state of most
 * of them is the one that was saved.
 */
function copyOfState(transaction: Transaction, saved: Checkpoint): Checkpoint {
  const context = transaction.getContext()
  const { definition, options, steps, ...states } = transaction.getFlow()
  const flow = {
    ...JSON.parse(JSON.stringify(states)),
    definition,
    options,
    steps: broughtUpToDate(saved.flow.steps, steps),
  }
  return { flow, context: { ...context, invoke: { ...context.invoke } }, errors: [] }
}

/** A flow has the same steps from its beginning to its end, and what was saved is not read any more: it is changed into what is. */
function broughtUpToDate(saved: Flow["steps"], steps: Flow["steps"]): Flow["steps"] {
  for (const id in steps) saved[id] = copyOfStep(steps[id]!, saved[id])
  return saved
}

function copyOfStep(step: Step, saved: Step | undefined): Step {
  if (saved && isOfSameFields(step, saved)) return saved
  const copy: Record<string, unknown> = {}
  for (const [name, state] of Object.entries(step)) {
    if (state !== undefined) copy[name] = name === "definition" ? state : copyOf(state)
  }
  return copy
}

/** But for how it is defined. */
function isOfSameFields(one: object, other: object): boolean {
  const [mine, others] = [one, other] as Record<string, unknown>[]
  for (const name in mine) {
    if (name !== "definition" && !isSame(mine[name], others![name])) return false
  }
  for (const name in others) if (!(name in mine!)) return false
  return true
}

const isSame = (one: unknown, other: unknown): boolean =>
  one === other || (isObject(one) && isObject(other) && isOfSameFields(one, other))

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

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
