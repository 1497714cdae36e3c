/**
 * What MikroORM finds in one of a shopper's requests is found once, until the request writes to what it read: half of what it is asked while a
 * cart is changed it was asked before, and most of the work of asking is to put the statement together.
 *
 * The seam: `find` of the driver (@mikro-orm/knex/AbstractSqlDriver.js:26, 6.6) gives the rows of which entities are made. It is told all
 * that shapes the statement; of the manager of entities it uses the parameters of filters, which Medusa does not set.
 */
import { PostgreSqlDriver } from "@medusajs/framework/mikro-orm/postgresql"
import type { Freshness } from "./freshness"
import { textOf } from "./text-of"
import { type Driver, type Find, type FindOptions, type Question, WordedFinds } from "./worded-finds"

export class RepeatedFinds {
  private finds: WordedFinds | undefined
  /** Numbers of drivers. */
  private readonly drivers = new WeakMap<object, number>()
  private count = 0

  constructor(private readonly freshness: Pick<Freshness, "once">) {}

  /** @returns false when the driver is not as expected, and nothing was changed */
  take(): boolean {
    const prototype = PostgreSqlDriver?.prototype as unknown as { find?: Find } | undefined
    const find = prototype?.find
    if (!prototype || typeof find !== "function") return false
    this.finds = new WordedFinds(find)
    const finds = this
    prototype.find = function (entity, where, options = {}) {
      if (!isUsual(options)) return find.call(this, entity, where, options)
      const text = finds.textOf(this, entity, where, options)
      return finds.ask(this, { entity, text, whole: () => ({ where, options }), ...options })
    }
    return true
  }

  get isTaken(): boolean {
    return this.finds !== undefined
  }

  /** Of all that tells what is found; undefined for what has none. */
  textOf(driver: Driver, entity: string, where: unknown, options: FindOptions): string | undefined {
    if (!this.drivers.has(driver)) this.drivers.set(driver, this.count++)
    const isApart = options.em === undefined
    return textOf([this.drivers.get(driver), isApart, entity, where, shapeOf(options)])
  }

  /** Rejects with what the driver's `find` rejects with. @param question in a transaction it is asked anew */
  ask(driver: Driver, question: Question): Promise<unknown> {
    const { text, ctx } = question
    const make = () => this.finds!.ask(driver, question)
    return ctx === undefined ? this.freshness.once(() => text, make) : make()
  }
}

/** What has a part in what is found. */
export function shapeOf(options: FindOptions): object {
  const {
    em: _em,
    ctx: _ctx,
    visited: _visited,
    logging: _logging,
    loggerContext: _context,
    ...shape
  } = options
  return shape
}

/** Whether nothing else than what is told shapes the statement. Without a manager of entities there are no filters. */
export function isUsual({ em, lockMode }: FindOptions): boolean {
  const hasFilters = em && (!em.filterParams || hasSome(em.filterParams) || hasSome(em.filters ?? {}))
  return lockMode == null && !hasFilters
}

const hasSome = (given: object) => Object.keys(given).length > 0
