/**
 * Watches how a read is made: what MikroORM's driver is asked for, and which relations lead to it.
 *
 * Two seams: `find` of the driver (@mikro-orm/knex/AbstractSqlDriver.js:26, 6.6), and `populateField` of MikroORM's loader (@mikro-orm/core/entity/EntityLoader.js:316).
 */
import { EntityLoader } from "@medusajs/framework/mikro-orm/core"
import { PostgreSqlDriver } from "@medusajs/framework/mikro-orm/postgresql"
import { copyOf, isPlain } from "../../engine"
import { Carried } from "../../tracking"
import { isUsual, type RepeatedFinds, shapeOf } from "../repeated-finds"
import type { Find } from "../worded-finds"
import type { Row } from "./fields"
import { copyOfAsked, type WatchedFind } from "./finds"
import type { Path } from "./rows"

interface Watch {
  finds: WatchedFind[]
  path: Path
  /** Whether all that was found can be told. */
  isWhole: boolean
}

const watches = new Carried<Watch>()

/** Whether what is read here is part of something that is watched. */
export const isWatched = () => watches.value !== undefined

/** Rejects with what making it rejects with. @returns no finds where not all of them can be told */
export async function watch<Answer>(
  make: () => Promise<Answer>,
): Promise<{ answer: Answer; finds: readonly WatchedFind[] }> {
  const watch: Watch = { finds: [], path: [], isWhole: true }
  const answer = await watches.run(watch, make)
  return { answer, finds: watch.isWhole ? watch.finds : [] }
}

/** @returns false when MikroORM is not as expected, and nothing was changed */
export function beginWatching(repeated: RepeatedFinds): boolean {
  const driver = PostgreSqlDriver?.prototype as unknown as { find?: Find } | undefined
  const loader = EntityLoader?.prototype as unknown as { populateField?: PopulateField } | undefined
  const { find } = driver ?? {}
  const { populateField } = loader ?? {}
  if (!driver || !loader || typeof find !== "function" || typeof populateField !== "function") return false
  driver.find = watchedFind(find, repeated)
  loader.populateField = watchedField(populateField)
  return true
}

function watchedFind(find: Find, repeated: RepeatedFinds): Find {
  return function (entity, where, options = {}) {
    const watch = watches.value
    const answer = () => find.call(this, entity, where, options)
    if (!watch?.isWhole) return answer()
    const text = repeated.textOf(this, entity, where, options)
    watch.isWhole = text !== undefined && isUsual(options) && options.ctx === undefined
    const one: WatchedFind = {
      ...{ path: watch.path, entity, isApart: options.em === undefined, text: text ?? "", rows: [] },
      ...{ where: copyOfAsked(where), options: copyOfAsked(shapeOf(options)) as object },
    }
    watch.finds.push(one)
    return answer().then((rows) => {
      // What is made of them changes them.
      if (isPlain(rows)) one.rows = copyOf(rows) as unknown as Row[]
      else watch.isWhole = false
      return rows
    })
  }
}

type PopulateField = (
  this: unknown,
  entity: unknown,
  entities: unknown,
  populate: { field: string },
  ...rest: unknown[]
) => Promise<void>

function watchedField(populateField: PopulateField): PopulateField {
  return function (entity, entities, populate, ...rest) {
    const watch = watches.value
    const answer = () => populateField.call(this, entity, entities, populate, ...rest)
    if (!watch) return answer()
    const { path } = watch
    watch.path = [...path, populate.field]
    return answer().finally(() => {
      watch.path = path
    })
  }
}
