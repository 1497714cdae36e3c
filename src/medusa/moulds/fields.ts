/**
 * What the fields of an answer are, of the row that they are of: as MikroORM makes an object of the row, and Medusa plain data of the object.
 *
 * Read in @mikro-orm/core/hydration/ObjectHydrator.js:60 (6.6), utils/dist/dal/mikro-orm/big-number-field.js:15,
 * utils/dist/dml/helpers/entity-builder/define-relationship.js:108 and utils/dist/dal/mikro-orm/mikro-orm-serializer.js:91 (2.21.2).
 */
import {
  type EntityMetadata,
  type EntityProperty,
  type Platform,
  Type,
} from "@medusajs/framework/mikro-orm/core"
import { BigNumber, trimZeros } from "@medusajs/framework/utils"
import { isPlainObject } from "../../engine"

/** As the driver gives it: by the names of fields; what was joined is in it. */
export type Row = Record<string, unknown>

/** Undefined leaves the field out. */
export type Reader = (row: Row) => unknown

interface RawNumber {
  value: string
  precision: number
}

export const propertyOf = (name: string, meta: EntityMetadata) =>
  (meta.properties as Record<string, EntityProperty | undefined>)[name]
export const keyName = ({ primaryKeys }: EntityMetadata): string => primaryKeys[0]!

/** @returns undefined for a field of which it is not known how it is made */
export function readerOf(name: string, meta: EntityMetadata, platform: Platform): Reader | undefined {
  const property = propertyOf(name, meta)
  if (!property || property.serializedName || property.embedded || property.lazy) return undefined
  const relation = relationOfKey(property, meta)
  if (relation) return keyReader(name, relation, meta)
  if (isNumber(property)) return numberReader(name, meta, platform)?.value
  const number = numberOfRaw(name, meta)
  if (number) return numberReader(number, meta, platform)?.raw
  // What an object computes.
  const isComputed = property.getter || property.getterName || property.formula
  if (isComputed || property.kind !== "scalar") return undefined
  return converted(name, meta, platform)
}

function converted(name: string, meta: EntityMetadata, platform: Platform): Reader | undefined {
  const { customType, runtimeType, serializer } = propertyOf(name, meta)!
  // Objects without relations are shown as they are.
  const show = serializer && meta.relations.length > 0 ? serializer : (value: unknown) => value
  if (customType) {
    if (customType.toJSON !== Type.prototype.toJSON) return undefined
    return (row) => {
      const value = row[name]
      return show(value == null ? value : customType.convertToJSValue(value, platform))
    }
  }
  if (runtimeType !== "boolean") return (row) => show(row[name])
  return (row) => {
    const value = row[name]
    return show(value == null ? value : !!value)
  }
}

/** The relation to one of which a field holds the key. */
function relationOfKey({ name, mapToPk, formula }: EntityProperty, { relations }: EntityMetadata) {
  if (!mapToPk && !formula) return undefined
  return relations.find((other) => !other.mapToPk && other.owner && other.fieldNames?.[0] === name)
}

/** Whether Medusa makes the relation of the key, and the key of the relation, where one of them is missing. */
const isPaired = ({ kind, fieldNames }: EntityProperty, meta: EntityMetadata) =>
  kind === "1:1" && propertyOf(fieldNames?.[0] ?? "", meta)?.formula !== undefined

/** A relation to one, in its row: its key, or whole. */
export function relatedIn(row: Row, relation: EntityProperty, meta: EntityMetadata): unknown {
  const value = row[relation.name]
  return value == null && isPaired(relation, meta) ? row[relation.fieldNames[0]!] : value
}

export const keyIn = (value: unknown, { targetMeta }: EntityProperty): unknown =>
  isPlainObject(value) ? (value as Row)[keyName(targetMeta!)] : value

function keyReader(name: string, relation: EntityProperty, meta: EntityMetadata): Reader {
  const isOfPair = isPaired(relation, meta)
  return (row) => {
    const value = row[name]
    if (value != null || (value === null && !isOfPair)) return value
    const key = keyIn(row[relation.name], relation)
    return isOfPair ? (key ?? undefined) : key
  }
}

const isNumber = ({ customType }: EntityProperty) => customType?.constructor.name === "BigNumberNumeric"

const rawNameOf = (property: EntityProperty) =>
  (property as { rawColumnName?: string }).rawColumnName ?? `raw_${property.name}`

/** The number whose exact text a field holds. */
function numberOfRaw(name: string, { props }: EntityMetadata): string | undefined {
  return props.find((property) => isNumber(property) && rawNameOf(property) === name)?.name
}

/** A number of Medusa's, and its exact text: made of the column with the number, unless there is one with the text. */
function numberReader(
  name: string,
  meta: EntityMetadata,
  platform: Platform,
): { value: Reader; raw: Reader } | undefined {
  const property = propertyOf(name, meta)!
  const rawName = rawNameOf(property)
  const readRaw = propertyOf(rawName, meta) && converted(rawName, meta, platform)
  const { customType, nullable, serializer } = property
  const names = meta.props.map((one) => one.name)
  // The text that was read must be the last to be set.
  const isUsual = readRaw && customType && !serializer && names.indexOf(rawName) > names.indexOf(name)
  if (!isUsual) return undefined
  const made = (value: unknown) => new BigNumber(customType.convertToJSValue(value, platform))
  const nothing = (value: unknown) => (value === null && nullable ? null : undefined)
  const raw: Reader = (row) => {
    const value = row[name]
    if (row[rawName] !== undefined) return readRaw(row)
    if (value == null) return nothing(value)
    const whole = made(value).raw as unknown as RawNumber
    return { ...whole, value: trimZeros(whole.value) }
  }
  const value: Reader = (row) => {
    const given = row[name]
    const number = given == null ? nothing(given) : made(given).numeric
    if (number) return number
    const exact = raw(row) as RawNumber | null | undefined
    return exact ? new BigNumber(exact.value, { precision: exact.precision }).numeric : number
  }
  return { value, raw }
}
