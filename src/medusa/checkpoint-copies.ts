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

interface Step {
  invoke?: { state: TransactionStepState }
  definition?: { store?: boolean }
}

interface Flow {
  state: TransactionState
  steps: Record<string, Step>
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

interface Transaction {
  modelId: string
  transactionId: string
  getFlow(): Flow
  getContext(): Context
  getErrors(): unknown[]
}

interface SaveOptions {
  stepId?: string
}

interface Engine {
  keyPrefix: string
  keyValueStore?: { storage?: Record<string, Checkpoint>; isLocked?: Map<string, true> }
  prototype: { saveCheckpoint?: (this: Transaction, options?: SaveOptions) => Promise<unknown> }
}

const engine = "InMemoryDistributedTransactionStorage"

/**
 * Another workflow engine than the one in memory is left alone.
 * @returns false when it is not as expected, and nothing was changed
 */
export function copyCheckpointsOnce(): boolean {
  const { keyValueStore, keyPrefix, prototype } = DistributedTransaction as unknown as Engine
  if (keyValueStore?.constructor.name !== engine) return true
  const { storage, isLocked } = keyValueStore
  const save = prototype.saveCheckpoint
  if (typeof save !== "function" || typeof storage !== "object" || !(isLocked instanceof Map)) return false
  const tried = new WeakMap<Context, Map<unknown, unknown>>()
  prototype.saveCheckpoint = async function (options = {}) {
    const key = TransactionOrchestrator.getKeyName(keyPrefix, this.modelId, this.transactionId)
    const saved = storage[key]
    const flow = this.getFlow()
    const context = this.getContext()
    const isPlain =
      saved && !isLocked.has(key) && this.getErrors().length === 0 && goesOn(flow, saved.flow, options)
    if (!isPlain || !canBeWritten(context, tried)) return save.call(this, options)
    const given = { ...context, invoke: { ...context.invoke } }
    storage[key] = { flow: JSON.parse(JSON.stringify(flow)), context: given, errors: [] }
    return storage[key]
  }
  return true
}

/** Whether nothing is done when this is saved, but that it is kept. A step that waits, or is tried again later, is to be stored (`store`). */
function goesOn(flow: Flow, saved: Flow, { stepId }: SaveOptions): boolean {
  if (flow.state !== TransactionState.INVOKING) return false
  if (flow.cancelledAt || saved.cancelledAt || !saved.steps) return false
  const { state } = (stepId === undefined ? undefined : saved.steps[stepId]?.invoke) ?? {}
  if (state !== undefined && !isOpen(state)) return false
  return !Object.values(flow.steps).some((step) => step.definition?.store)
}

const isOpen = (state: TransactionStepState) =>
  state === TransactionStepState.NOT_STARTED || state === TransactionStepState.INVOKING

/** What a step gave is tried when it is new; with all that was given before by Medusa, when the flow ends. */
function canBeWritten(context: Context, tried: WeakMap<Context, Map<unknown, unknown>>): boolean {
  const known = tried.get(context) ?? new Map<unknown, unknown>()
  tried.set(context, known)
  try {
    for (const [step, given] of Object.entries(context.invoke)) {
      if (known.get(step) !== given) JSON.stringify(given)
      known.set(step, given)
    }
    return true
  } catch {
    return false
  }
}
