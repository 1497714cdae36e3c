/**
 * How an object of an answer is made of its row. A piece knows what it has seen: of a relation, whether the row has it whole, or its key, or a statement was asked for it; of
 * what no field shows, whether there ever was anything.
 */
import type { EntityMetadata, EntityProperty, Platform } from "@medusajs/framework/mikro-orm/core"
import { isPlainObject } from "../../engine"
import { keyName, propertyOf, type Reader, type Row, readerOf, relatedIn } from "./fields"
import { isToMany, type Path, type Rows } from "./rows"

/** It was not seen yet what this would be. */
export class Unseen extends Error {}

export interface Piece {
  path: Path
  meta: EntityMetadata
  fields: readonly Field[]
  /** The names of fields of objects that were seen, in their order: what is undefined is left out. */
  shapes: readonly Shape[]
  /** By the names of those that are left out, an object with the others, to be copied: V8 keeps what grows field by field as a table of names. */
  blanks: ReadonlyMap<string, Readonly<Row>>
  /** What no field shows of the rows, and whether there ever was anything. */
  idle: ReadonlyMap<string, boolean>
}

type Shape = readonly string[]

type Field = { name: string; read: Reader } | { name: string; relation: Relation }

interface Relation {
  property: EntityProperty
  /** The row has all of it, or its key alone; or it has a statement of its own; or no row had any yet. */
  from: "row" | "key" | "find" | "nowhere"
  /** Undefined where no row had any yet. */
  piece: Piece | undefined
}

/** Rows, and the objects that were made of them. */
export interface Seen {
  path: Path
  meta: EntityMetadata
  rows: readonly Row[]
  objects: readonly unknown[]
  found: Rows
  platform: Platform
}

/** @returns undefined when it is not known how the objects are made */
export function pieceOf(seen: Seen): Piece | undefined {
  const { path, meta, rows, platform } = seen
  const objects = seen.objects.filter(isPlainObject) as Row[]
  const isWhole =
    objects.length > 0 && objects.length === seen.objects.length && objects.length === rows.length
  if (!isWhole || !isMadeAsUsual(meta)) return undefined
  const shapes = objects.map(Object.keys)
  const names = [...new Set(shapes.flat())]
  const fields: Field[] = []
  for (const name of names) {
    const property = propertyOf(name, meta)
    const isRelation = property && property.kind !== "scalar" && !property.mapToPk
    const relation = isRelation ? relationOf(property, { ...seen, objects }) : undefined
    const read = isRelation ? undefined : readerOf(name, meta, platform)
    if (relation) fields.push({ name, relation })
    else if (read) fields.push({ name, read })
    else return undefined
  }
  const idle = rows.flatMap(Object.entries).map(([name, value]) => [name, value != null] as const)
  return whole({ path, meta, fields, idle }, shapes)
}

/** @param idle the names of fields of rows, and whether there was anything */
function whole(
  {
    path,
    meta,
    fields,
    idle,
  }: Pick<Piece, "path" | "meta" | "fields"> & { idle: Iterable<readonly [string, boolean]> },
  seen: readonly Shape[],
): Piece {
  const names = fields.map(({ name }) => name)
  const shapes = [...new Map(seen.map((shape) => [shape.join(), shape])).values()]
  const blanks = new Map(
    shapes.map((shape) => {
      const left = names.filter((name) => !shape.includes(name))
      return [left.join(), Object.fromEntries(shape.map((name) => [name, null]))]
    }),
  )
  const hadSome = new Map<string, boolean>()
  for (const [name, isSome] of idle) {
    if (!names.includes(name)) hadSome.set(name, hadSome.get(name) === true || isSome)
  }
  return { path, meta, fields, shapes, blanks, idle: hadSome }
}

/**
 * What happens to an object of MikroORM's when it is made: an id where there is none, a relation of its key (utils/dist/dml/helpers/entity-builder), and the version of what is
 * in an order where there is none (order/dist/services/order-module-service.js:100, 2.21.2).
 */
const usualHooks = /^(?:generateId|assignRelationFromForeignKeyValue\w+_init|onInit_Order(?:Item|Shipping))$/

const isMadeAsUsual = ({ hooks }: EntityMetadata) =>
  !hooks.onLoad?.length && (hooks.onInit ?? []).every((hook) => usualHooks.test(String(hook)))

function relationOf(property: EntityProperty, seen: Seen): Relation | undefined {
  const { name, targetMeta: target } = property
  const { meta, found } = seen
  const isSimple = target?.primaryKeys.length === 1 && meta.primaryKeys.length === 1
  if (!isSimple || property.serializer || property.serializedName || property.embedded) return undefined
  const path = [...seen.path, name]
  const shown = seen.objects.map((object) => (object as Row)[name])
  const values = seen.rows.map((row) => relatedIn(row, property, meta))
  const withPiece = (from: Relation["from"], inner: (row: Row, i: number) => readonly Row[]) => {
    const rows = seen.rows.map(inner)
    const objects = shown.map((one) => [one ?? []].flat())
    if (rows.some(({ length }, i) => length !== objects[i]!.length)) return undefined
    if (rows.every(({ length }) => length === 0)) return { property, from, piece: undefined }
    const piece = pieceOf({ ...seen, path, meta: target, rows: rows.flat(), objects: objects.flat() })
    return piece && { property, from, piece }
  }
  if (found.has(path)) {
    const isByKey = isToMany(property) || (property.owner && !values.some(isPlainObject))
    return isByKey ? withPiece("find", (row) => found.of(row, path)) : undefined
  }
  if (isToMany(property)) {
    return values.every(Array.isArray) ? withPiece("row", (_, i) => values[i] as Row[]) : undefined
  }
  const some = values.filter((value) => value != null)
  if (some.length === 0) return { property, from: "nowhere", piece: undefined }
  if (some.every(isPlainObject)) return withPiece("row", (_, i) => [values[i] ?? []].flat() as Row[])
  return some.some(isPlainObject) ? undefined : { property, from: "key", piece: undefined }
}

/** @throws Unseen when there is something of which it was not seen what it is */
export function objectOf(piece: Piece, row: Row, rows: Rows): Row {
  for (const [name, hadSome] of piece.idle) if (!hadSome && row[name] != null) throw new Unseen()
  const values = piece.fields.map((field) =>
    "read" in field ? field.read(row) : related(field.relation, piece, row, rows),
  )
  const left = values.includes(undefined) ? piece.fields.filter((_, i) => values[i] === undefined) : []
  const blank = piece.blanks.get(left.map(({ name }) => name).join())
  // In which order the names would be.
  if (!blank) throw new Unseen()
  const object: Row = { ...blank }
  for (const [i, { name }] of piece.fields.entries()) if (values[i] !== undefined) object[name] = values[i]
  return object
}

function related({ property, from, piece }: Relation, around: Piece, row: Row, rows: Rows): unknown {
  const value = relatedIn(row, property, around.meta)
  const isMany = isToMany(property)
  if (value == null && !isMany) return value
  if (from === "key" && !isPlainObject(value)) return { [keyName(property.targetMeta!)]: value }
  const inner =
    from === "find" ? rows.of(row, [...around.path, property.name]) : from === "row" ? [value].flat() : []
  const isAsSeen = !isMany || from === "find" || Array.isArray(value)
  if (!isAsSeen || !inner.every(isPlainObject) || (inner.length > 0 && !piece)) throw new Unseen()
  const objects = inner.map((one) => objectOf(piece!, one as Row, rows))
  return isMany ? objects : objects[0]
}

/** What either has seen; undefined when they contradict each other. */
export function mergedPiece(one: Piece, other: Piece): Piece | undefined {
  const fields: Field[] = []
  for (const name of new Set([one, other].flatMap((piece) => piece.fields.map((field) => field.name)))) {
    const [field, same] = [one, other].map((piece) => piece.fields.find((field) => field.name === name))
    const merged = field && same ? mergedField(field, same) : (field ?? same)
    if (!merged) return undefined
    fields.push(merged)
  }
  return whole({ ...one, fields, idle: [...one.idle, ...other.idle] }, [...one.shapes, ...other.shapes])
}

function mergedField(field: Field, same: Field): Field | undefined {
  if (!("relation" in field) || !("relation" in same))
    return "read" in field && "read" in same ? field : undefined
  const relation = mergedRelation(field.relation, same.relation)
  return relation && { name: field.name, relation }
}

function mergedRelation(one: Relation, other: Relation): Relation | undefined {
  if (one.from === "nowhere") return other
  if (other.from === "nowhere") return one
  if (one.from !== other.from) return undefined
  if (!one.piece || !other.piece) return one.piece ? one : other
  const piece = mergedPiece(one.piece, other.piece)
  return piece && { ...one, piece }
}

/** All pieces, with those within. */
export function piecesOf(piece: Piece): Piece[] {
  return [
    piece,
    ...relationsOf(piece).flatMap((relation) => (relation.piece ? piecesOf(relation.piece) : [])),
  ]
}

export const relationsOf = ({ fields }: Piece): Relation[] =>
  fields.flatMap((field) => ("relation" in field ? [field.relation] : []))
