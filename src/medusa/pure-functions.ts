/**
 * Functions of Medusa that are called thousands of times a request, made cheaper. What they give is the same. Here the small ones; numbers,
 * copies, what steps are given and fields of entities have files of their own.
 *
 * `getAllFieldsAndRelations` (query/dist/query/module-data-fetcher.js:219, 2.21.2) copies what it is given as JSON, for each read of a
 * module and each relation in it; most of the text is the configuration of the module and the order in which modules are asked, of which it uses nothing. They are left out of the text.
 * `getPreviousStep` (orchestration/dist/transaction/transaction-orchestrator.js:69, 2.21.2) takes an id to pieces and joins all but the last again.
 * `ulid` (ulid/dist/index.umd.js:95, 2.4) asks the system for one random byte sixteen times an id; here for many at once.
 * `promiseAll` (utils/dist/common/promise-all.js:15, 2.21.2) makes five promises to wait for one.
 */
import { randomFillSync } from "node:crypto"
import { TransactionOrchestrator } from "@medusajs/framework/orchestration"
import * as utils from "@medusajs/framework/utils"
import { cheapenCopies } from "./cheap-copies"
import { cheapenNumbers } from "./cheap-numbers"
import { cheapenSerializer } from "./cheap-serializer"
import { keepPlans } from "./kept-plans"
import { ulidPackage } from "./made-ids"
import { pickFields } from "./picked-fields"
import { moduleOf, queryPackage } from "./query-package"
import { resolveValuesOnce } from "./resolved-values"
import { notAsRead } from "./seams"

interface Expand {
  serviceConfig?: object
  parentConfig?: object
  executionStages?: object
  expands?: Record<string, Expand>
}

type Fetch = (this: unknown, params: { expand: Expand }) => Promise<unknown>

interface Flow {
  steps: Record<string, unknown>
}

type PreviousStep = (flow: Flow, step: { id: string }) => unknown

/** @returns the names of those that were not as expected, and are as they were */
export function cheapenFunctions(): string[] {
  return notAsRead({
    getAllFieldsAndRelations: cheapenFields,
    compileQuery: keepPlans,
    getPreviousStep: cheapenPreviousStep,
    ulid: cheapenIds,
    promiseAll: cheapenWaits,
    parseStringifyIfNecessary: cheapenCopies,
    resolveValue: resolveValuesOnce,
    proxify: pickFields,
    BigNumber: cheapenNumbers,
    EntitySerializer: cheapenSerializer,
  })
}

function cheapenFields(): boolean {
  const prototype = queryPackage()?.ModuleDataFetcher?.prototype as
    | { executeFetchRequest?: Fetch }
    | undefined
  const fetch = prototype?.executeFetchRequest
  if (!prototype || typeof fetch !== "function") return false
  const quiet = new WeakSet<object>()
  const quieten = (config: object | undefined) => {
    if (config === undefined || quiet.has(config) || !Object.isExtensible(config)) return
    quiet.add(config)
    if (!("toJSON" in config)) Object.defineProperty(config, "toJSON", { value: () => undefined })
  }
  const quietenAll = ({ serviceConfig, parentConfig, executionStages, expands }: Expand) => {
    quieten(serviceConfig)
    quieten(parentConfig)
    quieten(executionStages)
    for (const inner of Object.values(expands ?? {})) quietenAll(inner)
  }
  prototype.executeFetchRequest = function (params) {
    quietenAll(params.expand)
    return fetch.call(this, params)
  }
  return true
}

function cheapenPreviousStep(): boolean {
  const orchestrator = TransactionOrchestrator as unknown as { getPreviousStep?: PreviousStep }
  const before = orchestrator.getPreviousStep
  const flow = { steps: { "": 0, _root: 1, "_root.a": 2, "_root.a.b": 3 } }
  const isSame = (id: string) => before!(flow, { id }) === previousStep(flow, { id })
  if (typeof before !== "function" || !["", "_root", "_root.a", "_root.a.b", "_root.a.b.c"].every(isSame)) {
    return false
  }
  orchestrator.getPreviousStep = previousStep
  return true
}

/** How many steps' parents are remembered. */
const mostSteps = 10_000
const parents = new Map<string, string>()

/** A text that was just cut out of another is spelled out to look something up by it; one that is remembered is not. */
const previousStep: PreviousStep = ({ steps }, { id }) => {
  let parent = parents.get(id)
  if (parent === undefined) {
    if (parents.size >= mostSteps) parents.clear()
    parent = id.slice(0, Math.max(0, id.lastIndexOf(".")))
    parents.set(id, parent)
  }
  return steps[parent]
}

type WaitForAll = (
  promises: readonly unknown[],
  options?: { aggregateErrors?: boolean },
) => Promise<unknown[]>

function cheapenWaits(): boolean {
  const module = moduleOf<{ promiseAll?: WaitForAll }>("utils", "common/promise-all.js")
  const waitForAll = module?.promiseAll
  if (!module || typeof waitForAll !== "function") return false
  module.promiseAll = (promises, options) =>
    promises?.length === 1 && !options?.aggregateErrors
      ? waitForOne(promises[0])
      : waitForAll(promises, options)
  // What others hold of it is what is called.
  if (utils.promiseAll === (module.promiseAll as unknown)) return true
  module.promiseAll = waitForAll
  return false
}

const waitForOne = async (one: unknown) => [await one]

function cheapenIds(): boolean {
  const ulids = ulidPackage()
  if (typeof ulids?.factory !== "function") return false
  ulids.ulid = ulids.factory(randomOfMany())
  return true
}

/** @returns what gives a random byte as a number from 0 to 1 */
function randomOfMany(): () => number {
  const bytes = Buffer.alloc(4096)
  let used = bytes.length
  return () => {
    if (used === bytes.length) {
      randomFillSync(bytes)
      used = 0
    }
    return bytes[used++]! / 0xff
  }
}
