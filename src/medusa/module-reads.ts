/**
 * Parts of what is loaded: the reads of Medusa's own modules while an answer is being loaded that will be kept. A page is
 * loaded anew for one product's title; its prices, its links and its channel have not moved.
 *
 * The seam: the query engine and the workflows call `service[method](filters, config)` on the loaded services
 * (query/dist/query/module-data-fetcher.js:61, 2.21.2), links included. Outside of such a load nothing changes; and a
 * call with a context of its own may be part of a transaction, and is left alone.
 */
import { createHash } from "node:crypto"
import { MedusaModule } from "@medusajs/framework/modules-sdk"
import { Modules } from "@medusajs/framework/utils"
import { type Cache, stableText } from "../engine"
import type { Freshness } from "./freshness"

type Method = (...given: unknown[]) => Promise<unknown>
type Service = Record<string, unknown>

/** Modules that hold what a shop offers, as opposed to what is done with it. */
const reference = new Set<string>([
  Modules.API_KEY,
  Modules.CURRENCY,
  Modules.FULFILLMENT,
  Modules.PRICING,
  Modules.PRODUCT,
  Modules.REGION,
  Modules.SALES_CHANNEL,
  Modules.STOCK_LOCATION,
  Modules.STORE,
  Modules.TAX,
])
const isRead = (name: string) => /^(list|retrieve|calculatePrices$)/.test(name)

export interface ModuleReadsOptions {
  cache: Pick<Cache, "peek" | "capture" | "set">
  freshness: Pick<Freshness, "isReading" | "within" | "begin" | "end" | "answered">
  /** How long a part lives, in milliseconds. */
  ttl: number
}

/** Makes the loaded modules' reads parts. */
export function keepModuleReads(options: ModuleReadsOptions): void {
  for (const loaded of MedusaModule.getLoadedModules()) {
    for (const [key, service] of Object.entries(loaded) as [string, Service][]) {
      if (isMedusas(key, service)) keepReads(key, service, options)
    }
  }
}

/** Every reading method of the service asks the cache first, while something is being loaded. */
export function keepReads(key: string, service: Service, options: ModuleReadsOptions): void {
  for (const name of methodsOf(service).filter(isRead)) {
    const method = service[name] as Method
    service[name] = (...given: unknown[]) => {
      const read = () => method.apply(service, given)
      const isAlone = given.length > 2 && given[2] !== undefined
      if (isAlone || !options.freshness.isReading) return read()
      const text = stableText([key, name, given[0], given[1]])
      const part = createHash("sha1")
        .update(text ?? "")
        .digest("base64url")
      return readPart(`part:${part}`, read, options)
    }
  }
}

async function readPart(
  key: string,
  read: () => Promise<unknown>,
  { cache, freshness, ttl }: ModuleReadsOptions,
): Promise<unknown> {
  const found = cache.peek(key)
  if (found) {
    freshness.answered(undefined, found)
    return found.value
  }
  return freshness.within(async () => {
    const fence = cache.capture()
    freshness.begin(key)
    const value = await read()
    const kept = await freshness.end(key)
    const left = kept ? kept.until - Date.now() : 0
    if (kept?.isWhole && left > 0 && isPlain(value)) {
      await cache.set({ key, value, tags: kept.tags, ttl: Math.min(ttl, left), fence, isLocal: true })
    }
    return value
  })
}

/** Medusa's own, and not a module of the store in its place. */
function isMedusas(key: string, service: Service): boolean {
  if ((service.__joinerConfig as { isLink?: boolean } | undefined)?.isLink) return true
  if (!reference.has(key)) return false
  const resolutions = [MedusaModule.getModuleResolutions(key)].flat()
  return resolutions.every((one) => /[\\/]@medusajs[\\/]/.test(String(one?.resolutionPath)))
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

/** Whether a copy is the same: plain objects, lists and dates all through. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null)
    return typeof value !== "bigint" && typeof value !== "function"
  if (Array.isArray(value)) return value.every(isPlain)
  if (value instanceof Date) return true
  const prototype = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain)
}
