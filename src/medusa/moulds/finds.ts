/** What MikroORM's driver is asked for while a read is made, with places for what differs between reads of one shape. */
import { isPlainObject } from "../../engine"
import { textOf } from "../text-of"
import { anyValue, Place, valueIn } from "../wording"
import type { Pairs } from "./afterwards"
import type { Row } from "./fields"
import type { WatchedRead } from "./mould"
import { isSamePath, type Path } from "./rows"

/** What the driver was asked for while a read was made. */
export interface WatchedFind {
  path: Path
  entity: string
  where: unknown
  options: object
  /** Whether no manager of entities was given. */
  isApart: boolean
  /** Of all that tells it from others. */
  text: string
  rows: readonly Row[]
}

/** What the driver is to be asked for. */
export interface Finding {
  entity: string
  isApart: boolean
  text: string
  /** What MikroORM would give to the driver for it. */
  whole(): { where: unknown; options: object }
}

export interface Find {
  path: Path
  entity: string
  isApart: boolean
  text: Template
  where: unknown
  options: object
  /** Of what is asked for afterwards. */
  pairs: Pairs | undefined
}

/** Between the texts are places. */
interface Template {
  texts: readonly string[]
  places: readonly Place[]
}

/** Stands for what a statement is asked by, of the rows before it. */
const keysPlace = new Place(-1)

/**
 * @param asked the text of what the module was asked for
 * @param values the texts of the ids and times in it
 * @param keys what it is asked by, of the rows before it; of what is asked for first undefined
 * @returns undefined when there is something in it of which it is not known where it comes from
 */
export function findOf(
  { path, entity, isApart, where, options, text }: WatchedFind,
  { text: asked, values }: Pick<WatchedRead, "text" | "values">,
  keys: readonly unknown[] | undefined,
  pairs?: Pairs,
): Find | undefined {
  const around = keys ? text.split(textOf(keys)!) : [text]
  if (around.length !== (keys ? 2 : 1)) return undefined
  const [first, second] = around.map((part) => templateOf(part, values))
  const { populateWhere, populateFilter, limit, offset } = options as Record<string, unknown>
  const conditions = [placed(where, values, keys), populateWhere, populateFilter, limit, offset]
  if (!first || (keys && !second) || !standsIn(asked, conditions)) return undefined
  const template = {
    texts: [...first.texts, ...(second?.texts ?? [])],
    places: [...first.places, ...(second ? [keysPlace, ...second.places] : [])],
  }
  return {
    ...{ path, entity, isApart, text: template, pairs },
    where: placed(where, values, keys),
    options: placed(options, values, keys) as object,
  }
}

/** @param keys what it is asked by */
export function findingOf(find: Find, values: readonly string[], keys: readonly unknown[]): Finding {
  const { entity, isApart, where, options } = find
  const { texts, places } = find.text
  let text = texts[0]!
  for (const [index, place] of places.entries()) {
    text += place === keysPlace ? textOf(keys)! : values[place.number]!
    text += texts[index + 1]!
  }
  const whole = () => ({
    where: filled(where, values, keys),
    options: filled(options, values, keys) as object,
  })
  return { entity, isApart, text, whole }
}

/** In the order in which either asks. @returns undefined when they contradict each other */
export function mergedFinds(some: readonly Find[], others: readonly Find[]): readonly Find[] | undefined {
  const finds = [...some]
  let last = -1
  for (const find of others) {
    const at = finds.findIndex(({ path }) => isSamePath(path, find.path))
    if (at < 0) finds.splice(++last, 0, find)
    else if (at > last && isSameTemplate(finds[at]!.text, find.text)) last = at
    else return undefined
  }
  return finds
}

function templateOf(text: string, values: readonly string[]): Template | undefined {
  const texts: string[] = []
  const places: Place[] = []
  let from = 0
  for (const { 0: value, index } of text.matchAll(anyValue)) {
    const number = values.indexOf(value)
    if (number < 0) return undefined
    texts.push(text.slice(from, index))
    places.push(new Place(number))
    from = index + value.length
  }
  return { texts: [...texts, text.slice(from)], places }
}

const isSameTemplate = (one: Template, other: Template) =>
  one.texts.join("\u0001") === other.texts.join("\u0001") &&
  one.places.every(({ number }, i) => number === other.places[i]?.number)

/** Whether what something is found by was asked for: anything else may be another the next time. */
function standsIn(asked: string, condition: unknown): boolean {
  if (Array.isArray(condition)) return condition.every((one) => standsIn(asked, one))
  if (isPlainObject(condition)) return Object.values(condition as Row).every((one) => standsIn(asked, one))
  if (typeof condition !== "string" && typeof condition !== "number") return true
  return asked.includes(textOf(condition)!)
}

/** With places. */
function placed(value: unknown, values: readonly string[], keys: readonly unknown[] | undefined): unknown {
  if (Array.isArray(value)) {
    return keys && textOf(value) === textOf(keys) ? keysPlace : value.map((one) => placed(one, values, keys))
  }
  if (isPlainObject(value)) return mapped(value as Row, (one) => placed(one, values, keys))
  const number = values.indexOf(textOf(value) ?? "")
  return number < 0 ? value : new Place(number)
}

/** A copy of a question's own. */
export const copyOfAsked = (value: unknown) => filled(value, [], [])

/** Without places. */
function filled(value: unknown, values: readonly string[], keys: readonly unknown[]): unknown {
  if (value instanceof Place) return value === keysPlace ? [...keys] : valueIn(values[value.number]!)
  if (Array.isArray(value)) return value.map((one) => filled(one, values, keys))
  return isPlainObject(value) ? mapped(value as Row, (one) => filled(one, values, keys)) : value
}

const mapped = (fields: Row, change: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, change(value)]))
