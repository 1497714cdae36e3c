/**
 * What a step of a workflow is given is put together of what others gave. Medusa walks through all of that, copies it, and copies each list in it once more for
 * every list around it: a tenth of the processor's time when a cart is completed. Here it is walked through and copied once.
 *
 * The seam: `resolveValue` (workflows-sdk/dist/utils/composer/helpers/resolve-value.js:183, 2.21.2), which others call by its module. It gives the same, and
 * names in the same order.
 */
import { isDeepStrictEqual, types } from "node:util"
import {
  BigNumber,
  OrchestrationUtils,
  parseStringifyIfNecessary,
  promiseAll,
} from "@medusajs/framework/utils"
import { copyOfFields, isLeftOut } from "./cheap-copies"
import { moduleOf } from "./query-package"

export interface Context {
  /** What the workflow was given. */
  payload?: unknown
  /** What its steps gave. */
  invoke: Record<string, unknown>
}

type Resolve = (input: unknown, context: Context) => unknown

interface Module {
  resolveValue?: Resolve
}

/** Of what stands for something else, `__type` tells for what. */
export interface Reference {
  __type?: unknown
  __step__?: string
  __resolver?(context: Context): unknown
  $result?: unknown
  output?: unknown
}

/** A field whose value is waited for, or would be by Medusa, and whether that is a copy already. */
interface Late {
  name: string
  value: unknown
  isCopy: boolean
}

const { SymbolInputReference, SymbolMedusaWorkflowResponse, SymbolWorkflowStepTransformer } =
  OrchestrationUtils
const { SymbolWorkflowStep, SymbolWorkflowStepResponse, SymbolWorkflowWorkflowData } = OrchestrationUtils

/** @returns false when it is not as expected, and nothing was changed */
export function resolveValuesOnce(): boolean {
  const module = resolveModule()
  const before = module?.resolveValue
  if (!module || typeof before !== "function" || typeof parseStringifyIfNecessary !== "function") return false
  const isSame = isDeepStrictEqual(resolveValue(template(), sample()), before(template(), sample()))
  if (!isSame) return false
  module.resolveValue = resolveValue
  return true
}

export const resolveModule = () => moduleOf<Module>("workflows-sdk", "utils/composer/helpers/resolve-value")

/** @returns a copy; a promise when something in it is waited for, which rejects with what that rejects with */
export const resolveValue: Resolve = (input, context) => {
  if (!isObject(input)) return input
  const { __type, output } = input as Reference
  const value = __type === SymbolWorkflowWorkflowData ? output : input
  if (!(value as Reference | null | undefined)?.__type) return filled(value, context)
  const copy = () => andThen(meantBy(value as Reference, context), parseStringifyIfNecessary)
  return isFound(value as Reference) ? orRejected(copy) : copy()
}

export function meantBy(value: Reference, context: Context): unknown {
  switch (value.__type) {
    case SymbolInputReference:
      return context.payload
    case SymbolMedusaWorkflowResponse:
      return resolveValue(value.$result, context)
    case SymbolWorkflowStepTransformer:
      return isFound(value) ? foundBy(value, context) : value.__resolver!(context)
    case SymbolWorkflowStep: {
      const given = context.invoke[value.__step__!] as Reference | undefined
      const output = (given?.output ?? given) as Reference | undefined
      return output?.__type === SymbolWorkflowStepResponse ? output.output : output
    }
    case SymbolWorkflowStepResponse:
      return value.output
    default:
      return value
  }
}

/** A copy in which nothing stands for something else. */
function filled(value: unknown, context: Context): unknown {
  if (!isObject(value)) return value
  if (Array.isArray(value)) return filledList(value, context)
  if ((value as Reference).__type && types.isProxy(value)) {
    return andThen(meantBy(value, context), (meant) => filledObject(meant, context))
  }
  return filledObject(value, context)
}

function filledList(list: readonly unknown[], context: Context): unknown {
  let isAwaited = false
  const copy = Array.from(list, (element) => {
    const given = resolveValue(element, context)
    if (isLate(given)) isAwaited = true
    return given
  })
  return isAwaited ? promiseAll(copy) : copy
}

function filledObject(value: unknown, context: Context): unknown {
  if (!isPlain(value)) return andThen(value, parseStringifyIfNecessary)
  return isTemplate(value) ? filledTemplate(value, context) : filledData(value, context)
}

/** What others gave. */
function filledData(value: object, context: Context): unknown {
  const hasMarks = Object.getOwnPropertySymbols(value).length > 0
  let late: Late[] | undefined
  const copy = copyOfFields(hasMarks ? Object.fromEntries(Object.entries(value)) : value, (field, name) => {
    const given = filled(field, context)
    if (isLate(given)) {
      late ??= []
      late.push({ name, value: given, isCopy: true })
    }
    return given
  })
  return late ? filledLater(copy, late, context) : copy
}

/** What is waited for comes after what is there; so does what Medusa waits for and is found at once. */
function filledTemplate(value: object, context: Context): unknown {
  const copy: Record<string, unknown> = {}
  const late: Late[] = []
  for (const [name, field] of Object.entries(value)) {
    const meant = isObject(field) ? meantBy(field, context) : field
    const isOther = isLate(meant) || (isObject(field) && isFound(field))
    const given = isOther ? meant : filled(meant, context)
    if (isOther || isLate(given)) late.push({ name, value: given, isCopy: !isOther })
    // What holds something that is waited for has its place.
    if (!isOther) put(copy, name, given)
  }
  return filledLater(copy, late, context)
}

/** When all are there: where something fails beside them, there is nothing to put them into. */
function filledLater(copy: Record<string, unknown>, late: readonly Late[], context: Context): unknown {
  const values = late.map((one) => one.value)
  const fill = (those: readonly unknown[]) => fillIn(copy, late, those, context)
  return values.some((one) => one instanceof Promise)
    ? promiseAll(values).then(fill)
    : orRejected(() => fill(values))
}

/** Nobody waits for it when something beside it fails first: it then fails without a word. */
function isLate(value: unknown): value is Promise<unknown> {
  if (!(value instanceof Promise)) return false
  value.catch(() => undefined)
  return true
}

/** By what Medusa waits for, what finds a field where it is (picked-fields.ts). */
export const finders = new WeakMap<object, (context: Context) => unknown>()

const isFound = ({ __resolver }: Reference) => __resolver !== undefined && finders.has(__resolver)

const foundBy = ({ __resolver }: Reference, context: Context) =>
  orRejected(() => finders.get(__resolver!)!(context))

/** Where Medusa waits, what fails is no exception. */
function orRejected(make: () => unknown): unknown {
  try {
    return make()
  } catch (error) {
    return Promise.reject(error)
  }
}

function fillIn(
  copy: Record<string, unknown>,
  late: readonly Late[],
  values: readonly unknown[],
  context: Context,
  from = 0,
): unknown {
  for (let index = from; index < late.length; index++) {
    const { name, isCopy } = late[index]!
    const given = values[index]
    if (!isCopy && isObject(given) && "key" in given) {
      // Medusa takes it for a pair of its own.
      put(copy, String(given.key), parseStringifyIfNecessary((given as { value?: unknown }).value))
      continue
    }
    const own = isCopy ? given : filled(given, context)
    if (own instanceof Promise) {
      return own.then((one) => {
        put(copy, name, one)
        return fillIn(copy, late, values, context, index + 1)
      })
    }
    put(copy, name, own)
  }
  return copy
}

function put(copy: Record<string, unknown>, name: string, value: unknown): void {
  if (isLeftOut(value)) delete copy[name]
  else copy[name] = value
}

export const andThen = (value: unknown, then: (value: unknown) => unknown) =>
  value instanceof Promise ? value.then(then) : then(value)

export const isPlain = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && value.constructor?.name === "Object"

/** Whether a field of it stands for something else, or is waited for. */
export function isTemplate(value: Record<string, unknown>): boolean {
  for (const name in value) {
    const field = value[name]
    if (isObject(field) && ((field as Reference).__type || field instanceof Promise)) return true
  }
  return false
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const act = () => 1
const template = () => ({
  input: { __type: SymbolInputReference },
  step: { __type: SymbolWorkflowStep, __step__: "first" },
  response: {
    __type: SymbolMedusaWorkflowResponse,
    $result: { __type: SymbolWorkflowStep, __step__: "second" },
  },
  list: [{ __type: SymbolWorkflowWorkflowData, output: { __type: SymbolInputReference } }, undefined, [act]],
  other: { __type: "other", given: { __type: SymbolWorkflowStepResponse, output: { a: 1 } } },
  nothing: null,
  missing: undefined,
  at: new Date(0),
  [Symbol("mark")]: 1,
})

const sample = (): Context => ({
  payload: { id: "a", amounts: [new BigNumber("10.5"), { deep: [{ at: new Date(0), act }] }] },
  invoke: {
    first: {
      output: { __type: SymbolWorkflowStepResponse, output: { items: [{ id: "b", no: undefined }] } },
    },
    second: { output: { shown: [{ [Symbol("mark")]: 1, id: "c" }] } },
  },
})
