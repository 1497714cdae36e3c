/**
 * A cart is shown on every page of a shop and changed on few. What was read of it is kept, by this process, with the versions of its
 * rows (tracking/versions.ts); one statement asks for them again, and while they are the same it is the same cart. Nobody has to tell of a change, and
 * a change that is committed before the question is never missed.
 *
 * The seam: `internalQuery` (query/dist/query/query.js:226, 2.21.2) is the way of every query across modules; here those for one cart by its id, in
 * a shopper's request. What they read of the catalogue are parts (module-reads.ts), whose tags the cart has.
 */
import { randomUUID } from "node:crypto"
import { BigNumber } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"
import { type Cache, digest, type Fresh, isPlain, isPlainObject, type Plain } from "../engine"
import { proofOf } from "../tracking"
import type { Database, Freshness } from "./freshness"
import { queryPackage } from "./query-package"
import { textOf } from "./text-of"

type Ask = (this: unknown, query: unknown, ...rest: unknown[]) => Promise<unknown>

export interface KeptCartsOptions {
  cache: Pick<Cache, "peek" | "capture" | "set">
  freshness: Pick<Freshness, "recalls" | "isReading" | "isRead" | "collect">
  database: Pick<Database, "raw">
  /** How long it lives, in milliseconds. */
  ttl: number
}

interface Kept {
  answer: Plain
  proof: string
  versions: string[]
}

/** How many ways to ask for a cart are remembered. */
const mostShapes = 200

/** @returns false when it is not as expected, and nothing was changed */
export function keepCarts(options: KeptCartsOptions): boolean {
  const prototype = queryPackage()?.Query?.prototype as { internalQuery?: Ask } | undefined
  const ask = prototype?.internalQuery
  if (!prototype || typeof ask !== "function" || !hasParts(new BigNumber(0))) return false
  const { freshness } = options
  /** What requests that only read have asked for. */
  const shown = new LRUCache<string, true>({ max: mostShapes })
  prototype.internalQuery = function (query, ...rest) {
    const make = () => ask.call(this, query, ...rest)
    const asked = freshness.isReading || !freshness.recalls ? undefined : askedFor(query, rest)
    if (!asked) return make()
    const key = `cart:${digest(asked.shape)}:${asked.id}`
    if (freshness.isRead) {
      shown.set(asked.shape, true)
      return recall(key, make, options)
    }
    // Who changes a cart answers with what is shown next.
    return shown.has(asked.shape) ? load(key, make, options) : make()
  }
  return true
}

/** One cart by its id, and what of it. */
function askedFor(query: unknown, rest: unknown[]): { id: string; shape: string } | undefined {
  if (!isPlainObject(query)) return undefined
  const [[entity, asked] = [], ...others] = Object.entries(query as object)
  const { filters } = (asked?.__args ?? {}) as { filters?: Record<string, unknown> }
  const id = filters?.id
  if ((entity !== "cart" && entity !== "carts") || others.length > 0 || typeof id !== "string")
    return undefined
  const args = { ...asked.__args, filters: { ...filters, id: "" } }
  const shape = textOf([entity, { ...asked, __args: args }, rest])
  return shape === undefined ? undefined : { id, shape }
}

async function recall(
  key: string,
  make: () => Promise<unknown>,
  options: KeptCartsOptions,
): Promise<unknown> {
  const found = options.cache.peek(key)
  if (!found || !(await isProven(found, options.database))) return load(key, make, options)
  return revived((found.value as unknown as Kept).answer)
}

async function load(
  key: string,
  make: () => Promise<unknown>,
  { cache, freshness, ttl }: KeptCartsOptions,
): Promise<unknown> {
  const fence = cache.capture()
  const { value, reads } = await freshness.collect(make)
  const answer = reads.isProvable && reads.versions.size > 0 ? plainOf(value) : undefined
  const left = Math.min(ttl, reads.expiresAt - Date.now())
  if (answer === undefined || left <= 0) return value
  const kept = { answer, proof: proofOf(reads.versions.keys()), versions: [...reads.versions.values()] }
  await cache.set({ key, value: kept, tags: [...reads.tags], ttl: left, fence, isLocal: true })
  return value
}

async function isProven({ value }: Fresh, database: Pick<Database, "raw">): Promise<boolean> {
  const { proof, versions } = value as unknown as Kept
  // In knex's own words a question mark stands for a value.
  const [row] = await database.raw(proof.replaceAll("?", "\\?")).then(
    ({ rows }) => rows,
    () => [],
  )
  const now = row?.versions as unknown as string[] | undefined
  return now?.length === versions.length && versions.every((version, i) => version === now[i])
}

/** Stands for one of Medusa's numbers, of which all is kept: their text is rounded. Nobody's metadata has it. */
const numberMark = `number ${randomUUID()}`

/** What a number is made of (utils/dist/totals/big-number.js, 2.21.2). */
interface Parts {
  numeric_: number
  raw_: Record<string, Plain>
  bignumber_: { constructor: new (text: string) => object; toString(base: number): string }
}

const partNames = ["bignumber_", "numeric_", "raw_"]
const hasParts = (number: BigNumber) => Object.keys(number).sort().join() === partNames.join()

/** With a mark where a number of Medusa's is; undefined for what is no plain data otherwise. */
function plainOf(value: unknown): Plain | undefined {
  if (value instanceof BigNumber) {
    if (!hasParts(value)) return undefined
    const { numeric_, raw_, bignumber_ } = value as unknown as Parts
    return { [numberMark]: [numeric_, { ...raw_ }, bignumber_.toString(10)] }
  }
  if (Array.isArray(value)) return allOf(value.map(plainOf))
  if (isPlainObject(value)) {
    const entries = Object.entries(value as object).filter(([, one]) => one !== undefined)
    const values = allOf(entries.map(([, one]) => plainOf(one)))
    return values && Object.fromEntries(entries.map(([name], i) => [name, values[i]!]))
  }
  return isPlain(value) ? value : undefined
}

const allOf = (values: (Plain | undefined)[]) =>
  values.includes(undefined) ? undefined : (values as Plain[])

/** With Medusa's numbers; in place. */
function revived(value: Plain): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date) return value
  if (Array.isArray(value)) return value.map(revived)
  const own = value as Record<string, unknown>
  if (own[numberMark]) return numberOf(own[numberMark] as [number, Record<string, Plain>, string])
  for (const name of Object.keys(own)) own[name] = revived(own[name] as Plain)
  return own
}

function numberOf([numeric_, raw_, text]: [number, Record<string, Plain>, string]): BigNumber {
  const number = new BigNumber(0)
  const { constructor: Exact } = (number as unknown as Parts).bignumber_
  return Object.assign(number, { numeric_, raw_, bignumber_: new Exact(text) })
}
