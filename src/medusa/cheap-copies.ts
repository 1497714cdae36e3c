/**
 * What a workflow hands from step to step is copied as JSON would: an order in a list some twenty times. Medusa's copy puts field after field into
 * an empty object, which makes V8 keep a table of names for each; here an object is copied whole, then what is within it.
 *
 * The seam: `parseStringifyIfNecessary` (utils/dist/common/parse-stringify-if-necessary.js:14, 2.21.2), for whoever calls it by its package.
 */
import { isDeepStrictEqual } from "node:util"
import { BigNumber } from "@medusajs/framework/utils"
import { moduleOf } from "./query-package"

type Copy = (value: unknown) => unknown

interface Module {
  parseStringifyIfNecessary?: Copy
}

/** @returns false when it is not as expected, and nothing was changed */
export function cheapenCopies(): boolean {
  const module = moduleOf<Module>("utils", "common/parse-stringify-if-necessary")
  const before = module?.parseStringifyIfNecessary
  if (!module || typeof before !== "function") return false
  const copy = copyBeside(before)
  if (!isDeepStrictEqual(copy(sample()), before(sample()))) return false
  module.parseStringifyIfNecessary = copy
  return true
}

/** What is rare is copied by the other. */
function copyBeside(other: Copy): Copy {
  const copy: Copy = (value) => {
    if (typeof value !== "object" || value === null) return value
    if (Array.isArray(value)) return value.map((element) => copy(element))
    if (value.constructor !== Object) return textOrNumber(value) ?? other(value)
    return Object.getOwnPropertySymbols(value).length > 0 ? other(value) : copyOfFields(value, copy)
  }
  return copy
}

/** Another of the same fields, without what JSON leaves out. @param value without fields that are named by symbols */
export function copyOfFields(
  value: object,
  copy: (field: object, name: string) => unknown,
): Record<string, unknown> {
  const whole = { ...value } as Record<string, unknown>
  let isWhole = true
  for (const name of Object.keys(whole)) {
    const field = whole[name]
    if (typeof field === "object" && field !== null) whole[name] = copy(field, name)
    isWhole &&= !isLeftOut(whole[name])
  }
  // What loses a field by `delete` becomes a table of names for V8, and is slow to read ever after.
  return isWhole ? whole : Object.fromEntries(Object.entries(whole).filter(([, field]) => !isLeftOut(field)))
}

/** Dates and Medusa's numbers. */
function textOrNumber(value: { toJSON?: unknown }): string | number | undefined {
  if (typeof value.toJSON !== "function") return undefined
  const given: unknown = value.toJSON("")
  // JSON has no NaN, no infinity and no negative zero.
  const isSame = typeof given === "string" || (Number.isFinite(given) && !Object.is(given, -0))
  return isSame ? (given as string | number) : undefined
}

export const isLeftOut = (field: unknown) =>
  field === undefined || typeof field === "function" || typeof field === "symbol"

const sample = () => ({
  text: "a",
  missing: undefined,
  nothing: null,
  at: new Date(0),
  never: new Date(Number.NaN),
  list: [1, undefined, { amount: new BigNumber("10.5"), none: new BigNumber(0) }],
  act: () => 1,
  [Symbol("mark")]: 1,
  others: new Map([[1, 2]]),
})
