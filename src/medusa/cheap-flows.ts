/**
 * What a workflow does between its steps. Medusa asks of every step whether its time is up, and waits for each answer, when the next is looked for and again before that runs:
 * 800 waits when a cart is made, 1,300 when a delivery is chosen, a quarter of all promises of these requests. Here a flow that goes as most do is looked at without waiting.
 *
 * Four seams (2.21.2): `computeCurrentTransactionState` (orchestration/dist/transaction/transaction-orchestrator.js:200); `saveCheckpoint` of flows that are not kept
 * (distributed-transaction.js:336); `load`, by which a flow that might yet be changed copies its definition (orchestrator-builder.js:12); and `StepResponse.skip` (workflows-sdk/dist/utils/composer/helpers/step-response.js:132),
 * an error of which nobody reads where it was made.
 */
import { isDeepStrictEqual } from "node:util"
import {
  DistributedTransaction,
  OrchestratorBuilder,
  TransactionOrchestrator,
  TransactionStepStatus,
} from "@medusajs/framework/orchestration"
import { TransactionState, TransactionStepState } from "@medusajs/framework/utils"
import { StepResponse } from "@medusajs/framework/workflows-sdk"

interface Step {
  id: string
  definition: { timeout?: unknown; retryIntervalAwaiting?: unknown; noWait?: boolean }
  /** Ids of those that begin after it. */
  next: string[]
  invoke: { state: TransactionStepState }
  retryRescheduledAt?: unknown
  isCompensating(): boolean
  getStates(): { state: TransactionStepState; status: TransactionStepStatus }
}

interface Flow {
  state: TransactionState
  steps: Record<string, Step>
  hasWaitingSteps?: boolean
  hasRevertedSteps?: boolean
}

interface Transaction {
  getFlow(): Flow
}

interface Orchestrator {
  id: string
  getInvokeSteps(flow: Flow): string[]
}

/** How a flow stands, as Medusa tells it. */
interface Standing {
  current: Step[]
  next: Step[]
  total: number
  completed: number
  hasSkipped: boolean
  hasSkippedOnFailure: boolean
  hasIgnoredFailure: boolean
  hasFailed: boolean
  hasWaiting: boolean
  hasReverted: boolean
}

type Compute = (this: Orchestrator, transaction: Transaction) => Standing | Promise<Standing>

/** How often Medusa is asked, too, for each flow. */
const timesWatched = 20

/**
 * @param warn told when Medusa tells something else
 * @returns false when it is not as expected, and nothing was changed
 */
export function cheapenStandings(warn: (message: string) => void): boolean {
  const prototype = TransactionOrchestrator?.prototype as unknown as
    | { computeCurrentTransactionState?: Compute }
    | undefined
  const compute = prototype?.computeCurrentTransactionState
  const { getInvokeSteps } = (prototype ?? {}) as Partial<Orchestrator>
  if (
    !prototype ||
    [compute, getInvokeSteps, steps?.getPreviousStep].some((one) => typeof one !== "function")
  ) {
    return false
  }
  const watched = new Map<string, number>()
  let isTrusted = true
  prototype.computeCurrentTransactionState = function (transaction) {
    const flow = transaction.getFlow()
    const standing = isTrusted ? standingOf(this, flow) : undefined
    if (!standing) return compute!.call(this, transaction)
    const times = watched.get(this.id) ?? 0
    if (times < timesWatched) {
      watched.set(this.id, times + 1)
      return watch(this, transaction, standing)
    }
    flow.hasWaitingSteps = standing.hasWaiting
    flow.hasRevertedSteps = standing.hasReverted
    return standing
  }
  const watch = async (orchestrator: Orchestrator, transaction: Transaction, expected: Standing) => {
    const given = await compute!.call(orchestrator, transaction)
    const flow = transaction.getFlow()
    // Meanwhile another step may have ended.
    const isStill = isDeepStrictEqual(expected, standingOf(orchestrator, flow))
    const isSame =
      isDeepStrictEqual(expected, given) &&
      flow.hasWaitingSteps === given.hasWaiting &&
      flow.hasRevertedSteps === given.hasReverted
    if (isStill && !isSame && isTrusted) {
      isTrusted = false
      warn(
        "Pegasus: Medusa tells otherwise than expected how a workflow stands; it is asked as ever from now on.",
      )
    }
    return given
  }
  return true
}

/** @returns undefined for all but a flow that goes as most do: of the steps that may begin or have begun none has a time limit, failed or is tried again */
export function standingOf(orchestrator: Orchestrator, flow: Flow): Standing | undefined {
  if (flow.state !== TransactionState.INVOKING) return undefined
  const ids = orchestrator.getInvokeSteps(flow)
  const standing: Standing = {
    current: [],
    next: [],
    total: ids.length - 1,
    completed: 0,
    hasSkipped: false,
    hasSkippedOnFailure: false,
    hasIgnoredFailure: false,
    hasFailed: false,
    hasWaiting: false,
    hasReverted: false,
  }
  for (const id of ids) {
    const step = flow.steps[id]!
    if (id === rootStep || !mayBegin(flow, step)) continue
    const { state, status } = step.getStates()
    if (!isUsual(step) || status === TransactionStepStatus.TEMPORARY_FAILURE) return undefined
    if (status === TransactionStepStatus.WAITING) {
      standing.current.push(step)
      standing.hasWaiting = true
    } else if (state === TransactionStepState.NOT_STARTED) {
      standing.next.push(step)
    } else if (state === TransactionStepState.DONE || state === TransactionStepState.SKIPPED) {
      standing.completed++
      standing.hasSkipped ||= state === TransactionStepState.SKIPPED
    } else return undefined
  }
  return standing
}

const rootStep = "_root"

/** As Medusa's `canContinue` (transaction-orchestrator.js:110), which makes a list each time. */
function mayBegin(flow: Flow, step: Step): boolean {
  const previous = before(flow, step)
  if (previous.id === rootStep || previous.definition.noWait) return true
  for (const id of before(flow, previous).next) if (!isOver.has(flow.steps[id]!.invoke.state)) return false
  return true
}

const steps = TransactionOrchestrator as unknown as { getPreviousStep(flow: Flow, step: Step): Step }
const before = (flow: Flow, step: Step) => steps.getPreviousStep(flow, step)

const isOver = new Set([
  ...[TransactionStepState.DONE, TransactionStepState.FAILED, TransactionStepState.TIMEOUT],
  ...[TransactionStepState.SKIPPED, TransactionStepState.SKIPPED_FAILURE],
])

function isUsual(step: Step): boolean {
  const { timeout, retryIntervalAwaiting } = step.definition
  const isTimed = Boolean(timeout || retryIntervalAwaiting || step.retryRescheduledAt)
  return !isTimed && !step.isCompensating()
}

type Save = (
  this: { modelId: string; getFlow(): { options?: { store?: unknown } } },
  given?: object,
) => Promise<unknown>

const saved = Promise.resolve()

/** @returns false when it is not as expected, and nothing was changed */
export function cheapenSaves(): boolean {
  const prototype = DistributedTransaction?.prototype as unknown as { saveCheckpoint?: Save } | undefined
  const { getWorkflowOptions } = TransactionOrchestrator as {
    getWorkflowOptions?(id: string): { store?: unknown }
  }
  const save = prototype?.saveCheckpoint
  if (!prototype || typeof save !== "function" || typeof getWorkflowOptions !== "function") return false
  prototype.saveCheckpoint = function (given) {
    const options = TransactionOrchestrator.getWorkflowOptions(this.modelId) ?? this.getFlow().options
    return options?.store ? save.call(this, given) : saved
  }
  return true
}

type Load = (this: object, steps: unknown) => unknown

/** @returns false when it is not as expected, and nothing was changed */
export function cheapenBuilders(): boolean {
  const prototype = OrchestratorBuilder?.prototype as unknown as { load?: Load } | undefined
  const load = prototype?.load
  if (!prototype || typeof load !== "function") return false
  prototype.load = function (steps) {
    const set = (value: unknown) =>
      Object.defineProperty(this, "steps", { value, configurable: true, enumerable: true, writable: true })
    const get = () => {
      load.call(this, steps)
      return (this as { steps: unknown }).steps
    }
    Object.defineProperty(this, "steps", { get, set, configurable: true, enumerable: true })
    return this
  }
  return true
}

/** @returns false when it is not as expected, and nothing was changed */
export function cheapenSkips(): boolean {
  const response = StepResponse as unknown as { skip?(): unknown } | undefined
  const skip = response?.skip
  if (!response || typeof skip !== "function") return false
  response.skip = function () {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      return skip.call(this)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }
  return true
}
