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

interface FindOptions {
  em?: { filterParams?: object }
  /** Of a transaction. */
  ctx?: unknown
  lockMode?: unknown
  /** What has no part in the statement. */
  visited?: unknown
  logging?: unknown
  loggerContext?: unknown
}

type Find = (this: object, entity: string, where: unknown, options?: FindOptions) => Promise<unknown>

/** @returns false when it is not as expected, and nothing was changed */
export function spareFinds(freshness: Pick<Freshness, "once">): boolean {
  const prototype = PostgreSqlDriver?.prototype as { find?: Find } | undefined
  const find = prototype?.find
  if (!prototype || typeof find !== "function") return false
  const drivers = new WeakMap<object, number>()
  let count = 0
  prototype.find = function (entity, where, options = {}) {
    const { em, ctx, visited: _visited, logging: _logging, loggerContext: _context, ...shape } = options
    const make = () => find.call(this, entity, where, options)
    if (ctx !== undefined || shape.lockMode != null || !em?.filterParams || hasSome(em.filterParams))
      return make()
    if (!drivers.has(this)) drivers.set(this, count++)
    return freshness.once(() => textOf([drivers.get(this), entity, where, shape]), make)
  }
  return true
}

const hasSome = (given: object) => Object.keys(given).length > 0
