/**
 * Automatic tags, by Medusa's convention: `Product:prod_1` for an entity, `Product:list:*` for its lists.
 * The type of an object is read off the prefix of its id, else off the GraphQL schema of the loaded modules.
 * Equal to what Medusa does (caching/dist/utils/parser.js, 2.21.2), so that its events reach our entries.
 */
import { toCamelCase, upperCaseFirst } from "@medusajs/framework/utils"

interface ObjectType {
  getFields(): Record<string, { type: unknown }>
}

export interface EntitySchema {
  /** Object types by name. */
  types: Map<string, ObjectType>
  /** "prod" → "Product" */
  idPrefixes: Record<string, string>
}

const listChanging = new Set(["created", "updated", "deleted", "restored", "attached", "detached"])

/** The tags of every entity found anywhere in the data. */
export function tagsOfData(data: unknown, schema: EntitySchema): string[] {
  const tags = new Set<string>()
  const walk = (node: unknown, suggested: string | undefined, inArray: boolean): void => {
    if (Array.isArray(node)) {
      for (const item of node) walk(item, suggested, true)
      return
    }
    if (typeof node !== "object" || node === null || node instanceof Date) return
    const entity = node as Record<string, unknown>
    const type = typeOf(entity, suggested, schema)
    if (type && entity.id) {
      tags.add(`${type}:${entity.id}`)
      if (inArray) tags.add(`${type}:list:*`)
    }
    const fields = type === undefined ? undefined : schema.types.get(type)?.getFields()
    for (const name of Object.keys(entity)) {
      const value = entity[name]
      if (typeof value === "object" && value !== null) walk(value, namedType(fields?.[name]?.type), false)
    }
  }
  walk(data, undefined, false)
  return [...tags]
}

/** The tags that an event such as `product.product.updated` with `{ id }` makes unusable. */
export function tagsOfEvent(event: { name: string; data?: unknown }): string[] {
  const [entity, operation] = event.name.split(".").slice(-2)
  if (!entity || !operation) return []
  const type = upperCaseFirst(toCamelCase(entity))
  const tags = new Set<string>()
  for (const item of [event.data].flat() as ({ id?: unknown } | null | undefined)[]) {
    for (const id of [item?.id].flat()) tags.add(`${type}:${id}`)
  }
  if (listChanging.has(operation)) tags.add(`${type}:list:*`)
  return [...tags]
}

function typeOf(entity: Record<string, unknown>, suggested: string | undefined, schema: EntitySchema) {
  const { id } = entity
  if (!id) return undefined
  const [prefix, rest] = String(id).split("_", 2)
  const known = rest === undefined ? undefined : schema.idPrefixes[prefix!]
  if (known) return known
  const names = Object.keys(entity)
  if (suggested !== undefined && resembles(names, schema.types.get(suggested))) return suggested
  for (const [name, type] of schema.types) if (resembles(names, type)) return name
  return undefined
}

/** At least half of the object's properties are fields of the type. */
function resembles(names: string[], type: ObjectType | undefined): boolean {
  const fields = type?.getFields()
  if (!fields?.id) return false
  return names.filter((name) => fields[name]).length >= Math.max(1, names.length * 0.5)
}

/** The name inside `[Product!]!` */
function namedType(type: unknown): string | undefined {
  let inner = type as { ofType?: unknown; name?: string } | undefined
  while (inner?.ofType) inner = inner.ofType as typeof inner
  return inner?.name
}
