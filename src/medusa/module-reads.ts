/**
 * Parts of what is loaded: the reads of Medusa's own modules while an answer is being loaded that will be kept. A page is
 * loaded anew for one product's title; its prices, its links and its channel have not moved.
 *
 * The seam: the query engine and the workflows call `service[method](filters, config)` on the loaded services
 * (query/dist/query/module-data-fetcher.js:61, 2.21.2), links included. The same serves a shopper's requests, until they write
 * something of the kind. Elsewhere nothing changes; and a call that may be part of a transaction is left alone.
 */
import type { EntityManager } from "@medusajs/framework/mikro-orm/core"
import { MedusaModule } from "@medusajs/framework/modules-sdk"
import { MedusaContextType, Modules } from "@medusajs/framework/utils"
import { type Cache, digestOf, isPlain, isPlainObject } from "../engine"
import { isHot } from "../feed"
import { Shares } from "../tracking"
import type { Database, Freshness } from "./freshness"
import { textOf } from "./text-of"

export type Method = (...given: unknown[]) => Promise<unknown>
export type Service = Record<string, unknown>

/** Modules that hold what a shop offers, as opposed to what is done with it. */
const reference = new Set<string>([
  Modules.API_KEY,
  Modules.CURRENCY,
  Modules.FULFILLMENT,
  Modules.PRICING,
  Modules.PRODUCT,
  Modules.PROMOTION,
  Modules.REGION,
  Modules.SALES_CHANNEL,
  Modules.STOCK_LOCATION,
  Modules.STORE,
  Modules.TAX,
  Modules.TRANSLATION,
])
/** Of others, the reads of what the shop itself says. */
const referenceReads: Record<string, RegExp> = { [Modules.PAYMENT]: /^list(AndCount)?PaymentProviders$/ }
/** Reads whose rows are kept one by one, and the method that reads rows without counting them. */
const divisible: Record<string, string> = {
  "product.listProducts": "listProducts",
  "product.listAndCountProducts": "listProducts",
}
const readNames = /^(list|retrieve|calculatePrices$)/
const isRead = (name: string) => readNames.test(name)

/** Reads that take a context, most of which says nothing to them: the whole cart, or the customer. */
const contextual = /^pricing\.(calculatePrices|(list|listAndCount|retrieve)PriceSets?)$/
/** What the rules and the preferences of prices name. */
const attributesSql = `select attribute from price_rule where deleted_at is null
union select attribute from price_list_rule where deleted_at is null
union select attribute from price_preference where deleted_at is null`
/** What of a context counts for prices beside what a rule or a preference names. */
const always = ["currency_code", "region_id", "quantity"]

export interface PartsOptions {
  cache: Pick<Cache, "peek" | "set">
  freshness: Pick<Freshness, "within" | "beginWithRequest" | "end" | "answered">
  /** How long a part lives, in milliseconds. */
  ttl: number
}

export interface ModuleReadsOptions extends PartsOptions {
  freshness: PartsOptions["freshness"] & Pick<Freshness, "recalls" | "once" | "asked">
  database: Pick<Database, "raw">
}

/** Makes the loaded modules' reads parts; what is not kept is read once in a request; what others' modules read is not known. */
export function keepModuleReads(options: ModuleReadsOptions): void {
  for (const [key, service] of loadedServices()) {
    if (!isMedusas(key, service)) noteReads(service, options)
    else if (isReference(key, service)) keepReads(key, service, options)
    else if (referenceReads[key]) keepReads(key, service, options, referenceReads[key])
    else if (isLink(service) || key === Modules.CUSTOMER) repeatReads(key, service, options)
  }
}

/** A module of the store's own may ask another than this database: what it has a part in cannot be proven by rows. */
export function noteReads(service: Service, { freshness }: { freshness: Pick<Freshness, "asked"> }): void {
  for (const name of methodsOf(service).filter(isRead)) {
    const original = service[name] as Method
    service[name] = function (this: unknown, ...given: unknown[]) {
      freshness.asked()
      return original.apply(this, given)
    }
  }
}

/** Every reading method of the service is called once in a request, until it writes to what that reads. */
export function repeatReads(
  module: string,
  service: Service,
  { freshness }: Pick<ModuleReadsOptions, "freshness">,
): void {
  for (const name of methodsOf(service).filter(isRead)) {
    const original = service[name] as Method
    service[name] = (...given: unknown[]) => {
      if (mayBeOfTransaction(given[2])) return original.apply(service, given)
      return freshness.once(nameOfCall(module, name, given), () => original.apply(service, given))
    }
  }
}

/** Every reading method of the service, or of these, asks the cache first, while something is being loaded. */
export function keepReads(
  module: string,
  service: Service,
  options: ModuleReadsOptions,
  reads: RegExp = readNames,
): void {
  const names = methodsOf(service).filter((name) => reads.test(name))
  const originals = new Map(names.map((name) => [name, service[name] as Method]))
  for (const [name, original] of originals) {
    service[name] = (...given: unknown[]) => {
      const [filters, config, context] = given
      if (mayBeOfTransaction(context)) return original.apply(service, given)
      if (!options.freshness.recalls) {
        return options.freshness.once(nameOfCall(module, name, given), () => original.apply(service, given))
      }
      const bound =
        (method: Method): Call["read"] =>
        (filters, config) =>
          method.call(service, filters, config, ...given.slice(2))
      const call: Call = { name: `${module}.${name}`, filters, config, read: bound(original) }
      if (contextual.test(call.name)) return readPrices(call, options)
      const rows = originals.get(divisible[call.name] ?? "")
      return rows && isDivisible(call) ? readByRow(call, bound(rows), options) : readWhole(call, options)
    }
  }
}

const nameOfCall = (module: string, method: string, given: unknown[]) => () =>
  textOf([module, method, ...given.slice(0, 2)])

/** Steps of workflows hand on who they are; whatever holds a manager of entities may be part of a transaction. */
function mayBeOfTransaction(context: unknown): boolean {
  if (context === undefined) return false
  const { __type, manager, transactionManager } = (context ?? {}) as Record<string, unknown>
  return __type !== MedusaContextType || manager !== undefined || transactionManager !== undefined
}

/** A read of a module. */
interface Call {
  name: string
  filters: unknown
  config: unknown
  read(filters: unknown, config: unknown): Promise<unknown>
}

/**
 * Prices, named by what of their context a rule or a preference asks for: an attribute that none names matches none
 * (pricing/dist/repositories/pricing.js:27, 2.21.2). The place in the order of changes is taken in the turn in which the name is made, or before, and the name is made in that of the
 * look at the attributes; so a rule that names another one either has changed the name or keeps out what was read meanwhile.
 */
async function readPrices(call: Call, options: ModuleReadsOptions): Promise<unknown> {
  const key = "part:price attributes"
  const known = recall(key, options)
  const read = () =>
    options.database.raw(attributesSql).then(({ rows }) => rows.map(({ attribute }) => attribute!))
  // Where they cannot be read, all of the context names the prices.
  if (!known) await loadWhole(key, read, options).catch(() => undefined)
  const attributes = (known ?? recall(key, options))?.value as string[] | undefined
  const { filters, config } = call
  const [named, shape] = [filters, config].map((given) =>
    attributes ? withoutIdle(given, attributes) : given,
  )
  return readWhole(call, options, keyOf(call.name, named, shape))
}

/** Without the parts of its context that no attribute names. */
function withoutIdle(given: unknown, attributes: readonly string[]): unknown {
  const { context } = (given ?? {}) as { context?: unknown }
  if (!isPlainObject(context)) return given
  const counts = (name: string) =>
    always.includes(name) || attributes.some((one) => one === name || one.startsWith(`${name}.`))
  const entries = Object.entries(context as object).filter(([name]) => counts(name))
  return { ...(given as object), context: Object.fromEntries(entries) }
}

/** The read is one part. */
async function readWhole(
  { name, filters, config, read }: Call,
  options: ModuleReadsOptions,
  key = keyOf(name, filters, config),
): Promise<unknown> {
  const found = recall(key, options)
  return found ? found.value : loadWhole(key, () => read(filters, config), options)
}

type Config = { select?: string[]; relations?: string[] } & Record<string, unknown>
type Row = { id: string } & Record<string, unknown>

/** What a product shows is much, and little of it changes at a time. */
function isDivisible({ filters, config }: Call): boolean {
  const relations = (config as Config | undefined)?.relations
  if (!isPlainObject(filters) || !relations?.length) return false
  // Of these the methods make something else each.
  return !relations.some((relation) => relation.startsWith("product_options"))
}

/**
 * Which rows there are is one part, and each row is one: only those that changed are read anew, all at once.
 *
 * Of one alone there is nothing to spare, unless its row is kept.
 *
 * It is the same because a filter decides which rows there are and not what belongs to them (MikroORM's `populateWhere` is
 * "all"), and because the rows are read with the same configuration.
 *
 * @param readRows reads rows without counting them
 */
async function readByRow(call: Call, readRows: Call["read"], options: ModuleReadsOptions): Promise<unknown> {
  const { name, filters, read } = call
  const config = call.config as Config
  const { skip: _skip, take: _take, ...shape } = config
  const shapeKey = keyOf("row", name, shape)
  const keyOfRow = (id: string) => `${shapeKey}:${id}`
  const rows = new Map<string, Row>()
  const only = onlyIdOf(filters)
  if (only !== undefined) {
    const found = recall(keyOfRow(only), options)
    if (!found) return readWhole(call, options)
    rows.set(only, found.value as Row)
  }
  const listed = await readWhole({ ...call, config: { ...config, select: ["id"], relations: [] } }, options)
  const ids = rowsOf(listed).map(({ id }) => id)
  for (const id of ids.filter((id) => !rows.has(id))) {
    const found = recall(keyOfRow(id), options)
    if (found) rows.set(id, found.value as Row)
  }
  const missing = ids.filter((id) => !rows.has(id))
  if (missing.length > 0) {
    const readMissing = () => readRows({ id: missing }, { ...shape, take: null })
    const key = `${shapeKey}:${missing.join()}`
    const loaded = await load(key, readMissing, options, missing, async (value, keep) => {
      await Promise.all(rowsOf(value).map((row) => keep(keyOfRow(row.id), row, row.id)))
    })
    for (const row of rowsOf(loaded)) rows.set(row.id, row)
  }
  // Something came or went between the two reads.
  if (ids.some((id) => !rows.has(id))) return read(filters, config)
  const found = ids.map((id) => rows.get(id)!)
  return isCounted(listed) ? [found, listed[1]] : found
}

function onlyIdOf(filters: unknown): string | undefined {
  const [id, ...others] = [(filters as { id?: unknown }).id].flat()
  return typeof id === "string" && others.length === 0 ? id : undefined
}

/** The part of this key, if it is there: what is being loaded depends on what it depends on. */
export function recall(key: string, { cache, freshness }: PartsOptions) {
  const found = cache.peek(key)
  if (found) freshness.answered(undefined, found)
  return found
}

type Keep = (key: string, value: unknown, row?: string) => Promise<unknown>

/** Reads what is one part. */
export const loadWhole = (key: string, read: () => Promise<unknown>, options: PartsOptions) =>
  load(key, read, options, undefined, (value, keep) => keep(key, value))

/** Reads, and gives what is read to `store`, which keeps it with what it depends on. */
function load(
  key: string,
  read: () => Promise<unknown>,
  { cache, freshness, ttl }: PartsOptions,
  rows: readonly string[] | undefined,
  store: (value: unknown, keep: Keep) => Promise<unknown>,
): Promise<unknown> {
  return freshness.within(async () => {
    const { fence, reading } = freshness.beginWithRequest(key)
    const shares = rows && new Shares(rows)
    reading.shares = shares
    const value = await read()
    const kept = await freshness.end(key)
    const left = kept ? kept.until - Date.now() : 0
    if (!kept?.isWhole || left <= 0 || !isPlain(value)) return value
    const life = Math.min(ttl, left)
    await store(value, async (at, one, row) => {
      const tags = row !== undefined && shares ? shares.of(row, kept.tags) : kept.tags
      await cache.set({ key: at, value: one, tags, ttl: life, fence, isLocal: true })
    })
    return value
  })
}

export function keyOf(name: string, ...given: unknown[]): string {
  return `part:${digestOf([name, ...given])}`
}

const isCounted = (listed: unknown): listed is [Row[], number] =>
  Array.isArray(listed) && listed.length === 2 && Array.isArray(listed[0])
const rowsOf = (listed: unknown) => (isCounted(listed) ? listed[0] : (listed as Row[]))

interface JoinerConfig {
  isLink?: boolean
  databaseConfig?: { tableName?: string }
}

/** Of all modules, with their keys. */
export const loadedServices = (): [string, Service][] =>
  MedusaModule.getLoadedModules().flatMap((loaded) => Object.entries(loaded) as [string, Service][])

/** Of which a service's own are forked, if it has models. */
export const managerOf = (service: Service): EntityManager | undefined =>
  (service.baseRepository_ as { manager_?: EntityManager } | undefined)?.manager_

/** Medusa's own, and not a module of the store in its place. */
export function isMedusas(key: string, service: Service): boolean {
  if (isLink(service)) return true
  const resolutions = [MedusaModule.getModuleResolutions(key)].flat()
  return resolutions.every((one) => /[\\/]@medusajs[\\/]/.test(String(one?.resolutionPath)))
}

/** The tables of the loaded modules that are Medusa's own, and of links. */
export function tablesOfMedusa(): ReadonlySet<string> {
  const own = loadedServices().filter(([key, service]) => isMedusas(key, service))
  const models = own.flatMap(([, service]) => Object.values(managerOf(service)?.getMetadata().getAll() ?? {}))
  return new Set(models.map(({ tableName }) => tableName))
}

const joinerOf = (service: Service) => (service.__joinerConfig ?? {}) as JoinerConfig
export const isLink = (service: Service) => joinerOf(service).isLink === true
/** Of a link. */
export const tableOf = (service: Service) => joinerOf(service).databaseConfig?.tableName ?? ""

/** What a shop offers; but for links that are made at every sale. */
function isReference(key: string, service: Service): boolean {
  if (isLink(service)) return !isHot(tableOf(service))
  return reference.has(key)
}

function methodsOf(service: object): string[] {
  const names = new Set<string>()
  for (let at = service; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function") names.add(name)
    }
  }
  return [...names]
}
