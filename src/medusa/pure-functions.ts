/**
 * Functions of Medusa that are called thousands of times a request, made cheaper. What they give is the same. Here the small ones; numbers,
 * copies, what steps are given and fields of entities have files of their own.
 *
 * `getAllFieldsAndRelations` (query/dist/query/module-data-fetcher.js:219, 2.21.2) copies what it is given as JSON, for each read of a
 * module, and again for each relation in it; most of the text is the configuration of the module and the order in which modules are asked, of which it uses nothing. They are left out of the text, and
 * what is asked of relations is told as it is told to the module in the end, by names with dots, so that there is nothing to copy for each.
 * `getPreviousStep` (orchestration/dist/transaction/transaction-orchestrator.js:69, 2.21.2) takes an id to pieces and joins all but the last again.
 * `ulid` (ulid/dist/index.umd.js:95, 2.4) asks the system for one random byte sixteen times an id; here for many at once.
 * `promiseAll` (utils/dist/common/promise-all.js:15, 2.21.2) makes five promises to wait for one.
 * `Configuration.set` (@mikro-orm/core/utils/Configuration.js:191, 6.6) writes a variable of the process's environment, twice for each manager of entities that is forked.
 */
import { randomFillSync } from "node:crypto"
import { Configuration } from "@medusajs/framework/mikro-orm/core"
import { TransactionOrchestrator } from "@medusajs/framework/orchestration"
import * as utils from "@medusajs/framework/utils"
import { cheapenCopies } from "./cheap-copies"
import { cheapenNumbers } from "./cheap-numbers"
import { cheapenSerializer } from "./cheap-serializer"
import { keepPlans } from "./kept-plans"
import { keepExtendedSchemas, keepStrictSchemas } from "./kept-schemas"
import { ulidPackage } from "./made-ids"
import { pickFields } from "./picked-fields"
import { moduleOf, queryPackage } from "./query-package"
import { resolveValuesOnce } from "./resolved-values"
import { notAsRead } from "./seams"

interface Expand {
  fields?: readonly string[] | undefined
  args?: unknown
  serviceConfig?: object
  parentConfig?: object
  executionStages?: object
  expands?: Record<string, Expand> | undefined
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
    Configuration: cheapenForks,
    ulid: cheapenIds,
    promiseAll: cheapenWaits,
    parseStringifyIfNecessary: cheapenCopies,
    resolveValue: resolveValuesOnce,
    proxify: pickFields,
    BigNumber: cheapenNumbers,
    EntitySerializer: cheapenSerializer,
    zodValidator: keepStrictSchemas,
    WithAdditionalData: keepExtendedSchemas,
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
    const expand = flattened(params.expand)
    quietenAll(expand)
    return fetch.call(this, { ...params, expand })
  }
  return true
}

/** The same fields and relations, by their whole names. */
export function flattened(expand: Expand): Expand {
  const { fields, relations } = wholeNames(expand, "")
  const names = new Set(fields)
  // A field that is a relation, too, is named as it is.
  if (relations.length === 0 || relations.some(([name]) => names.has(name))) return expand
  const isAll = expand.fields?.includes("*")
  const expands = Object.fromEntries(relations.map(([name, args]) => [name, { args }]))
  return { ...expand, fields: isAll ? ["*"] : fields, expands }
}

/** Of who asks for everything no names. */
function wholeNames(
  { fields = [], expands = {} }: Expand,
  prefix: string,
): { fields: string[]; relations: [name: string, args: unknown][] } {
  const nameOf = (name: string) => (prefix ? `${prefix}.${name}` : name)
  const names = new Set(fields.map(nameOf))
  const relations: [string, unknown][] = []
  for (const [property, inner] of Object.entries(expands)) {
    const name = nameOf(property)
    names.delete(name)
    const within = wholeNames(inner, name)
    for (const one of within.fields) names.add(one)
    relations.push([name, inner.args], ...within.relations)
  }
  return { fields: fields.includes("*") ? [] : [...names], relations }
}

type SetOption = (this: { options?: Record<string, unknown> }, name: string, value: unknown) => void

function cheapenForks(): boolean {
  const prototype = Configuration?.prototype as unknown as { set?: SetOption; sync?: unknown } | undefined
  const set = prototype?.set
  if (!prototype || typeof set !== "function" || typeof prototype.sync !== "function") return false
  prototype.set = function (name, value) {
    // Of which nothing else is made.
    if (name === "allowGlobalContext" && this.options) this.options[name] = value
    else set.call(this, name, value)
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
