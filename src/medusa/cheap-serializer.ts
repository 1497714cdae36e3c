/**
 * What a module gives is made of MikroORM's objects, field by field. For each of them Medusa lists the names of its parents, which only relations ask
 * for, and asks whether it is a relation. A field with a text, a number or nothing in it is none.
 *
 * The seam: `EntitySerializer.processProperty` (utils/dist/dal/mikro-orm/mikro-orm-serializer.js:259, 2.21.2).
 */
import { type EntityProperty, helper } from "@medusajs/framework/mikro-orm/core"
import { EntitySerializer } from "@medusajs/framework/utils"

type Given = [name: string, entity: object, ...rest: unknown[]]
type Process = (this: unknown, ...given: Given) => unknown

/** @returns false when it is not as expected, and nothing was changed */
export function cheapenSerializer(): boolean {
  const serializer = EntitySerializer as unknown as { processProperty?: Process }
  const process = serializer?.processProperty
  if (typeof process !== "function" || process.length !== 10) return false
  serializer.processProperty = function (...given) {
    const [name, entity] = given
    const { __meta: meta, __platform: platform } = helper(entity)
    const property = (meta.properties as Record<string, EntityProperty | undefined>)[name]
    if (!property || property.serializer) return process.apply(this, given)
    const value = (entity as Record<string, unknown>)[name]
    if (typeof value === "function" || (typeof value === "object" && value !== null)) {
      return process.apply(this, given)
    }
    return property.customType
      ? property.customType.toJSON(value, platform)
      : platform.normalizePrimaryKey(value as never)
  }
  return true
}
