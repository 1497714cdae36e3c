/**
 * Values as the cache holds them: plain data, owned by nobody else.
 *
 * A value is taken in as JSON would carry it (`toJSON` is honoured, so a Medusa BigNumber becomes its
 * number; functions and undefined properties are dropped), with one exception: a Date stays a Date.
 * Copies are made on the way in and on the way out, so a caller that changes what it got changes
 * nobody else's. Bytes (a Buffer) are a value too, by themselves: they are not copied, and nobody may change them.
 */
import { LRUCache } from "lru-cache"

export type Plain = null | boolean | number | string | Date | Buffer | Plain[] | { [key: string]: Plain }

/** Where a JSON text needs a Date put back: the keys that lead to it. */
export type DatePath = (string | number)[]

/**
 * @returns the value as plain data of its own, and its approximate size in memory in bytes
 * @throws TypeError for what JSON has no text for: a cycle, a bigint, a function
 */
export function toPlain(value: unknown): { value: Plain; bytes: number } {
  if (Buffer.isBuffer(value)) return { value, bytes: value.length }
  const ancestors: object[] = []
  let bytes = 0

  const walk = (node: unknown, key: string): Plain | undefined => {
    if (node instanceof Date) {
      bytes += 24
      return new Date(node.getTime())
    }
    if (typeof node === "object" && node !== null && typeof (node as Jsonable).toJSON === "function") {
      node = (node as Jsonable).toJSON(key)
    }
    switch (typeof node) {
      case "string":
        bytes += 16 + node.length
        return node
      case "number":
        bytes += 8
        return Number.isFinite(node) ? node : null
      case "boolean":
        bytes += 4
        return node
      case "bigint":
        throw new TypeError("A bigint cannot be cached; store it as a string.")
      case "object":
        break
      default:
        return undefined
    }
    if (node === null) {
      bytes += 4
      return null
    }
    if (node instanceof Date) return walk(node, key)
    if (ancestors.includes(node)) throw new TypeError("A value that contains itself cannot be cached.")
    ancestors.push(node)
    bytes += 32
    let copy: Plain
    if (Array.isArray(node)) {
      copy = node.map((item, index) => walk(item, String(index)) ?? null)
    } else {
      const properties: [name: string, value: Plain][] = []
      for (const name of Object.keys(node)) {
        const property = walk((node as Record<string, unknown>)[name], name)
        if (property === undefined) continue
        bytes += 8 + name.length
        properties.push([name, property])
      }
      copy = objectOf(properties)
    }
    ancestors.pop()
    return copy
  }

  const plain = walk(value, "")
  if (plain === undefined) throw new TypeError(`A ${typeof value} cannot be cached.`)
  return { value: plain, bytes }
}

/** Whether a copy is the same: plain objects, lists and dates all through. JSON has no infinity, and what is no number. */
export function isPlain(value: unknown): value is Plain {
  if (typeof value === "number") return Number.isFinite(value)
  if (typeof value !== "object" || value === null)
    return typeof value !== "bigint" && typeof value !== "function"
  if (Array.isArray(value)) return value.every(isPlain)
  return value instanceof Date || (isPlainObject(value) && Object.values(value).every(isPlain))
}

export function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A copy of plain data that shares nothing with it; what is no plain data in it, such as bytes, is given as it is. */
export function copyOf(value: Plain): Plain {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) {
    const copy = new Array<Plain>(value.length)
    for (let index = 0; index < value.length; index++) copy[index] = copyOf(value[index]!)
    return copy
  }
  if (value instanceof Date) return new Date(value.getTime())
  if (!isPlainObject(value)) return value
  const copy = { ...(value as { [key: string]: Plain }) }
  for (const name in copy) {
    const property = copy[name]!
    if (typeof property === "object" && property !== null) define(copy, name, copyOf(property))
  }
  return copy
}

/** Freezes plain data all through, so that it can be handed out as it is. */
export function freeze(value: Plain): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || Buffer.isBuffer(value)) return
  if (!(value instanceof Date))
    for (const name of Object.keys(value)) freeze((value as { [key: string]: Plain })[name]!)
  Object.freeze(value)
}

/** JSON text, and the places of the Dates in it. */
export function toText(value: Plain): { text: string; dates: DatePath[] } {
  const dates: DatePath[] = []
  const path: DatePath = []
  const find = (node: Plain): void => {
    if (typeof node !== "object" || node === null) return
    if (node instanceof Date) {
      dates.push([...path])
      return
    }
    for (const name of Object.keys(node)) {
      path.push(Array.isArray(node) ? Number(name) : name)
      find((node as { [key: string]: Plain })[name]!)
      path.pop()
    }
  }
  find(value)
  return { text: JSON.stringify(value), dates }
}

export function fromText(text: string, dates: DatePath[]): Plain {
  let root = JSON.parse(text) as Plain
  for (const path of dates) {
    if (path.length === 0) {
      root = revived(root)
      continue
    }
    let node = root as { [key: string]: Plain }
    for (const step of path.slice(0, -1)) node = node[step] as { [key: string]: Plain }
    const last = path[path.length - 1]!
    node[last] = revived(node[last]!)
  }
  return root
}

interface Jsonable {
  toJSON(key: string): unknown
}

const revived = (text: Plain): Date => new Date(text === null ? Number.NaN : (text as string))

/** From how many properties on V8 keeps an object that grew by assignments as a table: twice the memory, half the speed. */
const manyProperties = 12
/** By their names: objects that V8 keeps as records, of which a copy is one, too. */
const records = new LRUCache<string, { [key: string]: Plain }>({ max: 1_000 })

function objectOf(properties: readonly [name: string, value: Plain][]): { [key: string]: Plain } {
  const made = properties.length < manyProperties ? {} : { ...recordOf(properties.map(([name]) => name)) }
  for (const [name, value] of properties) define(made, name, value)
  return made
}

function recordOf(names: readonly string[]): { [key: string]: Plain } {
  const shape = JSON.stringify(names)
  let record = records.get(shape)
  if (!record) {
    record = JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:null`).join()}}`) as {
      [key: string]: Plain
    }
    records.set(shape, record)
  }
  return record
}

/** A plain assignment, except for the one name that an assignment would treat as the prototype. */
function define(target: { [key: string]: Plain }, name: string, value: Plain): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
  } else {
    target[name] = value
  }
}
