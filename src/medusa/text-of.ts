import { isPlainObject } from "../engine"

/** Before the milliseconds of a date; nothing else has it in its text. */
export const dateMark = "\u0002"

/** Before the words of a fragment of a statement. */
const fragmentMark = "\u0003"

/** What knex calls raw (knex/lib/raw.js, 3.2). */
interface Fragment {
  sql: string
}

const isFragment = (value: object): value is Fragment => {
  const { isRawInstance, sql, bindings, _wrappedBefore, _wrappedAfter } = value as Record<string, unknown>
  const isBare = (_wrappedBefore ?? _wrappedAfter) === undefined && [bindings ?? []].flat().length === 0
  return isRawInstance === true && typeof sql === "string" && isBare
}

/** A text that is equal only for what asks the same; undefined for what has none. */
export function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value)
    case "number":
      return Object.is(value, -0) ? "-0" : String(value)
    case "boolean":
    case "undefined":
      return String(value)
    case "object":
      return value === null ? "null" : textOfObject(value)
    default:
      return undefined
  }
}

function textOfObject(value: object): string | undefined {
  if (Array.isArray(value)) return textOfList(value)
  if (value instanceof Date) return `${dateMark}${value.getTime()}`
  if (!isPlainObject(value))
    return isFragment(value) ? `${fragmentMark}${JSON.stringify(value.sql)}` : undefined
  let text = "{"
  for (const name of Object.keys(value)) {
    const own = textOf((value as Record<string, unknown>)[name])
    if (own === undefined) return undefined
    text += `${JSON.stringify(name)}:${own},`
  }
  return `${text}}`
}

function textOfList(values: readonly unknown[]): string | undefined {
  let text = "["
  for (const value of values) {
    const own = textOf(value)
    if (own === undefined) return undefined
    text += `${own},`
  }
  return `${text}]`
}
