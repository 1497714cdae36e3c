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
import { type Find, WordedFinds } from "./worded-finds"

/** @returns false when it is not as expected, and nothing was changed */
export function spareFinds(freshness: Pick<Freshness, "once">): boolean {
  const prototype = PostgreSqlDriver?.prototype as unknown as { find?: Find } | undefined
  const find = prototype?.find
  if (!prototype || typeof find !== "function") return false
  const finds = new WordedFinds(find)
  const drivers = new WeakMap<object, number>()
  let count = 0
  prototype.find = function (entity, where, options = {}) {
    const { em, ctx, visited: _visited, logging: _logging, loggerContext: _context, ...shape } = options
    const hasFilters = !em?.filterParams || hasSome(em.filterParams) || hasSome(em.filters ?? {})
    const isUsual = shape.lockMode == null && !hasFilters
    if (!isUsual) return find.call(this, entity, where, options)
    if (!drivers.has(this)) drivers.set(this, count++)
    const text = textOf([drivers.get(this), entity, where, shape])
    const make = () => finds.ask(this, { entity, where, options }, text)
    return ctx === undefined ? freshness.once(() => text, make) : make()
  }
  return true
}

const hasSome = (given: object) => Object.keys(given).length > 0
