/**
 * What MikroORM finds is put into words once for each shape: the same fields, relations and conditions of other ids and times make the same statement but for
 * those. To put it together anew takes a fifth of the processor's time of a shopper's request.
 *
 * Nothing is taken for known of how a statement is made: one is watched, a second must be what the first lets expect, and the third is made by them. Only ids and times
 * may differ, which are not mistaken for anything else; and every other value in a statement must stand in what was asked, so that a condition that looks at the
 * clock is not taken for one that says always the same.
 *
 * The seam: the driver's `find` makes a builder by `createQueryBuilder`; `execute` leaves the builder's `_query` as it is when there is one, and makes
 * objects of the rows by its aliases and joins (@mikro-orm/knex/AbstractSqlDriver.js:26, query/QueryBuilder.js:602 and 681, 6.6).
 */
import { SoftDeletableFilterKey } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"
import { textOf } from "./text-of"
import { Place, type Shape, shapeOf, valueIn } from "./wording"

/** What is to be found. */
export interface Question extends Pick<FindOptions, "ctx" | "connectionType" | "logging"> {
  entity: string
  /** Of all that tells it from others; undefined when it has none. */
  text: string | undefined
  /** What the driver is given for it. */
  whole(): { where: unknown; options: FindOptions }
}

export interface FindOptions {
  em?: { filterParams?: object; filters?: object }
  /** Of a transaction. */
  ctx?: unknown
  lockMode?: unknown
  connectionType?: unknown
  /** How many of the last; what is found is then turned round. */
  last?: unknown
  /** What has no part in the statement. */
  visited?: unknown
  filtered?: unknown
  logging?: unknown
  loggerContext?: unknown
}

export type Find = (this: Driver, entity: string, where: unknown, options: FindOptions) => Promise<unknown>

export interface Driver {
  createQueryBuilder(...given: unknown[]): Builder
  rethrow(answer: Promise<unknown>): Promise<unknown>
}

type Builder = Record<string, unknown> & { execute(method: "all"): Promise<unknown> }

interface Statement {
  sql: string
  bindings: readonly unknown[]
}

interface Wording extends Statement {
  /** What makes objects of the rows. */
  mapping: Record<string, unknown>
  /** The texts of the values it was watched with. */
  values: readonly string[]
  /** For which values a second statement was as expected. */
  proven: "for none" | "for these" | "for all"
}

/** How many shapes are remembered, and how long the text of one may be. */
const mostShapes = 1_000
const longestText = 20_000
/** What of a builder makes objects of rows. */
const mappingNames = ["_mainAlias", "_aliases", "_joins", "_populate", "finalized"]

export class WordedFinds {
  /** By shape. */
  private readonly known = new LRUCache<string, Wording | "asked once" | "never the same">({
    max: mostShapes,
  })

  /** @param find the driver's own */
  constructor(private readonly find: Find) {}

  /** What `find` gives. Rejects with what it rejects with. */
  ask(driver: Driver, question: Question): Promise<unknown> {
    const { text } = question
    if (text === undefined || text.length > longestText) return this.asEver(driver, question)
    const { shape, values } = shapeOf(text)
    const known = this.known.get(shape)
    if (known === undefined) this.known.set(shape, "asked once")
    if (known === undefined || known === "never the same") return this.asEver(driver, question)
    if (known === "asked once" || !isProvenFor(known, values))
      return this.watch(driver, question, text, { shape, values })
    return worded(driver, question, known, values.map(valueIn))
  }

  private asEver(driver: Driver, { entity, whole }: Question): Promise<unknown> {
    const { where, options } = whole()
    return this.find.call(driver, entity, where, options)
  }

  private async watch(
    driver: Driver,
    question: Question,
    text: string,
    { shape, values }: Shape,
  ): Promise<unknown> {
    let builder: Builder | undefined
    const createQueryBuilder = (...given: unknown[]) => {
      const made = driver.createQueryBuilder(...given)
      builder ??= made
      return made
    }
    const watched = Object.create(driver, { createQueryBuilder: { value: createQueryBuilder } })
    const answer = await this.asEver(watched, question)
    const isTurned = question.whole().options.last != null
    const wording = builder && !isTurned ? wordingOf(builder, text, values) : undefined
    const before = this.known.get(shape)
    const isSame = typeof before === "object" && wording !== undefined && isSameStatement(before, wording)
    const proven = !isSame ? "for none" : isOf(before, values) ? "for these" : "for all"
    this.known.set(shape, wording ? { ...wording, proven } : "never the same")
    return answer
  }
}

/** @returns undefined for a statement of which it is not known how others are made like it */
function wordingOf(builder: Builder, text: string, values: readonly string[]): Wording | undefined {
  const { sql, bindings } = (builder._query as { _sql?: Partial<Statement> } | undefined)?._sql ?? {}
  if (typeof sql !== "string" || !Array.isArray(bindings)) return undefined
  if (!mappingNames.every((name) => name in builder) || !isOfPlainFilters(builder)) return undefined
  // What is no value of the statement but a part of its words.
  if (values.some((value) => sql.includes(String(valueIn(value))))) return undefined
  const places = bindings.map((value) => {
    const number = values.indexOf(textOf(value) ?? "")
    return number < 0 ? value : new Place(number)
  })
  if (!places.every((value) => value instanceof Place || standsIn(text, value))) return undefined
  const mapping = Object.fromEntries(mappingNames.map((name) => [name, builder[name]]))
  return { sql, bindings: places, mapping, values, proven: "for none" }
}

/** Whether a value that is bound was asked for; of an empty list none is, which knex calls "1 = 0". */
function standsIn(text: string, value: unknown): boolean {
  if (value === 0 && text.includes("[]")) return true
  if (typeof value === "string" || typeof value === "number") return text.includes(textOf(value)!)
  return value === null || typeof value === "boolean"
}

/**
 * Whether nothing but the words of the question tells what is asked of the tables that are joined for it: filters of theirs are asked while the statement
 * is put together, and may look at something else. Medusa's looks at nothing.
 */
function isOfPlainFilters({ autoJoinedPaths, _joins, driver }: Builder): boolean {
  if (!Array.isArray(autoJoinedPaths)) return false
  if (autoJoinedPaths.length === 0) return true
  const joined = Object.values(_joins as Record<string, { prop?: { targetMeta?: { filters?: object } } }>)
  const filters = joined.flatMap(({ prop }) => Object.entries(prop?.targetMeta?.filters ?? {}))
  const { config } = (driver ?? {}) as { config?: { get(name: "filters"): object } }
  const isPlain = filters.every(([name, filter]) => name === SoftDeletableFilterKey || !filter.default)
  return isPlain && config !== undefined && Object.keys(config.get("filters")).length === 0
}

const isProvenFor = (wording: Wording, values: readonly string[]) =>
  wording.proven === "for all" || (wording.proven === "for these" && isOf(wording, values))

/** Whether it was watched with these values; without any there is but one statement. */
const isOf = ({ values }: Wording, others: readonly string[]) =>
  values.length > 0 && values.every((value, i) => value === others[i])

const isSameStatement = (one: Statement, other: Statement) =>
  one.sql === other.sql &&
  one.bindings.length === other.bindings.length &&
  one.bindings.every((value, i) => isSameValue(value, other.bindings[i]))

const isSameValue = (one: unknown, other: unknown) =>
  one instanceof Place ? other instanceof Place && one.number === other.number : textOf(one) === textOf(other)

/** As the driver's `find` does it, once the builder has been told all. */
function worded(
  driver: Driver,
  { entity, ctx, connectionType, logging }: Question,
  { sql, bindings, mapping }: Wording,
  values: readonly unknown[],
): Promise<unknown> {
  const own = bindings.map((value) => (value instanceof Place ? values[value.number] : value))
  const _query = { sql, _sql: { sql, bindings: own }, params: own }
  const builder = driver.createQueryBuilder(entity, ctx, connectionType, false, logging)
  return driver.rethrow(Object.assign(builder, mapping, { _query }).execute("all"))
}
