/**
 * Medusa's Caching Module, on our engine. Everything Medusa caches by itself and every
 * `query.graph(…, { cache })` goes through it (utils/dist/caching/index.js, 2.21.2).
 *
 * Providers. Medusa lets a call name the providers it goes to. Here each declared id is a room of its own
 * in one cache: what was stored under one is not found under another, and a `get` asks them in order.
 *
 * One load. A miss hands the right to load to one caller at a time, in all processes; the others wait a bounded
 * time for its `set`. The `set` carries the fence of its miss, so a load overtaken by a change is dropped.
 *
 * Parts. What is loaded while something around it is loaded to be kept (an answer of the HTTP cache, another query) stays in the
 * memory of this process: what it is part of goes to Redis, and would have to be read from there in its place anyway.
 *
 * Automatic invalidation. An entry carries its tags twice removed from their names: "auto:" for those that
 * Medusa's events may clear, "kept:" for those of an entry with `autoInvalidate: false`. An event moves the
 * first; an explicit `clear({ tags })` moves both. A sale has dozens of events, and hardly anything carries the tags of carts and orders: those of a type move on
 * demand.
 */
import { MedusaModule } from "@medusajs/framework/modules-sdk"
import type {
  ConfigModule,
  ICachingModuleService,
  IEventBusModuleService,
  IStoreModuleService,
  Logger,
} from "@medusajs/framework/types"
import { GraphQLUtils, Modules } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"
import {
  type Cache,
  connect,
  createCache,
  defaultMemory,
  digestOf,
  type Led,
  maxTtl,
  PegasusError,
  type RedisState,
} from "../engine"
import { shortenCartPath } from "./cart-path"
import { EarlyRequests } from "./early-requests"
import { type EntitySchema, tagsOfData, tagsOfEvent } from "./entities"
import { type Database, Freshness, installFeed, neverKept, untracked } from "./freshness"
import { HttpCache } from "./http-cache"
import { keepStatements } from "./kept-statements"
import { keepModuleReads, tablesOfMedusa } from "./module-reads"
import { narrowSearches } from "./narrow-searches"
import type { FeedOptions, HttpOptions } from "./options"
import { PendingLoads } from "./pending-loads"
import { pickFields } from "./picked-fields"
import { Sampler } from "./sampler"
import type { CachingModuleOptions } from "./with-pegasus"

type Method<Name extends "get" | "set" | "clear"> = Parameters<ICachingModuleService[Name]>[0]
type Event = { name: string; data?: unknown }

interface Dependencies {
  logger: Logger
  event_bus: IEventBusModuleService
  /** See environment.ts. */
  pegasusEnvironment: string
  __pg_connection__: Database
  configModule?: ConfigModule
}

const defaultTtl = 3_600_000
/** How long one caller waits for the load of another, in milliseconds. */
const longestWait = 2_000
/** How long what is never kept is loaded without looking for it, in milliseconds: it may show something else one day. */
const notKeptFor = 60_000
const mostNotKept = 10_000
/** What Medusa's documentation calls clearing everything. */
const wildcard = "*"

export interface FreshnessReport {
  /** Undefined where only events are heard. */
  lag: { count: number; p50: number; p95: number; p99: number } | undefined
  /** Hits that were loaded anew and compared. */
  sampled: { compared: number; stale: number }
}

export class CachingModuleService implements ICachingModuleService {
  private readonly logger: Logger
  private readonly eventBus: IEventBusModuleService
  private readonly cache: Cache
  private readonly ttl: number
  private readonly providerIds: string[]
  private readonly replacedDefault: string | undefined
  private readonly loads = new PendingLoads()
  /** Loads that show stock, or nothing, by key: nobody looks for what they gave, follows what they read, or waits for who loads it. */
  private readonly notKept = new LRUCache<string, true>({ max: mostNotKept, ttl: notKeptFor })
  private readonly strangers = new Set<string>()
  private readonly database: Database
  private readonly feed: FeedOptions
  private freshness: Freshness | undefined
  private sampler: Sampler | undefined
  private readonly httpOptions: HttpOptions | false
  private readonly storeCors: string
  /** For the middleware that answers from it, once the feed has begun. */
  http: HttpCache | undefined
  /** For the middleware at which they arrive. */
  early: EarlyRequests | undefined
  private readonly sample: number
  private schema: EntitySchema = { types: new Map(), idPrefixes: {} }

  __hooks = {
    onApplicationStart: async () => this.start(),
    onApplicationShutdown: async () => {
      this.http?.close()
      this.early?.close()
      await this.freshness?.close()
      await this.cache.close()
    },
  }

  constructor(dependencies: Dependencies, options: CachingModuleOptions) {
    const { pegasus, providerIds, replacedDefault, warning } = options
    this.logger = dependencies.logger
    this.eventBus = dependencies.event_bus
    this.ttl = pegasus.ttl ?? defaultTtl
    this.providerIds = providerIds
    this.replacedDefault = replacedDefault
    this.database = dependencies.__pg_connection__
    this.feed = pegasus.feed ?? {}
    this.sample = pegasus.sample ?? 0
    this.httpOptions = pegasus.http ?? {}
    this.storeCors = dependencies.configModule?.projectConfig.http.storeCors ?? ""
    const { redisUrl } = pegasus
    this.cache = createCache({
      prefix: `pegasus:${dependencies.pegasusEnvironment}`,
      memory: pegasus.memory ?? { maxBytes: defaultMemory },
      redis: redisUrl === undefined ? undefined : connect(redisUrl),
      // Before the feed has begun nothing vouches for what is held.
      witness: this.hears("postgres")
        ? { trusted: (now) => this.freshness?.trusted(now) === true }
        : undefined,
      onRedis: (state, cause) => this.tellOfRedis(state, cause),
    })
    if (warning !== undefined) this.logger.warn(warning)
    // Workflows are put together once the modules are there, before the application starts.
    if (this.hears("postgres")) pickFields()
  }

  async get(options: Method<"get">): Promise<unknown> {
    const { key, tags, providers = this.providerIds.slice(0, 1) } = options
    requireKeyOrTags(key, tags)
    const isPart = this.freshness?.isReading
    const isLoad = key !== undefined && willSet(options)
    const isNotKept = isLoad && this.notKept.has(key)
    const isSought = isLoad && !isNotKept
    const reading = isSought ? this.freshness?.begin(key) : undefined
    // Only then: without a pause a miss takes its place in the order of changes as it comes.
    if (this.freshness?.wrote && !isNotKept) await this.freshness.settle()
    for (const provider of providers) {
      if (!this.declares(provider)) continue
      const room = this.roomOf(provider)
      if (key !== undefined) {
        const at = entryKey(room, key)
        const found = isSought
          ? await this.cache.lead(at, longestWait, isPart)
          : isNotKept
            ? this.unsought()
            : await this.look(at)
        if (found.state === "miss") {
          if (reading) this.freshness?.loads(reading)
          this.loads.began(at, found.lead)
        } else if (reading && this.sampler?.takes(at, found)) {
          reading.isProof = true
          this.loads.began(at, { fence: this.cache.capture(), done: () => undefined })
        } else {
          this.freshness?.answered(reading, found)
          return found.value
        }
      } else if (tags !== undefined) {
        const found = await this.cache.findByTags(tags.flatMap(bothKinds), entryKey(room, ""))
        if (found.length > 0) {
          this.freshness?.taint("it was found by tag")
          return found
        }
      }
    }
    return null
  }

  async set(call: Method<"set">): Promise<void> {
    const { key, data, ttl, tags, computeAutomaticTags, options, providers } = call
    requireKeyOrTags(key, undefined)
    const isKept = options?.autoInvalidate === false
    const isLoad = followsLoad(call)
    const ending = isLoad ? this.freshness?.end(key) : undefined
    const isPart = isLoad && this.freshness?.isReading
    const ended = ending ? await ending : untracked
    const read = isKept ? untracked : ended
    if (read === neverKept) this.notKept.set(key, true)
    else if (read) this.notKept.delete(key)
    const isAutomatic = (!tags || computeAutomaticTags) && !read?.isWhole
    const automatic = isAutomatic ? tagsOfData(data, this.schema) : []
    const given = [...new Set([...(tags ?? []), ...automatic])]
    const named = given.map(isKept ? keptTag : autoTag)
    const names = [...named, ...(read?.tags ?? [])]
    const rooms = [providers ?? this.providerIds.slice(0, 1)].flat()
    await Promise.all(
      rooms.map(async (room) => {
        const provider = typeof room === "string" ? { id: room, ttl: undefined } : room
        const at = entryKey(this.roomOf(provider.id), key)
        const lead = this.loads.ended(at)
        try {
          await this.sampler?.compare(at, data)
          const seconds = provider.ttl ?? ttl
          // A load whose lead was given up: nobody knows how old its result is.
          if (!lead && isLoad) return
          // Nobody knows what it depends on, or it changes too often to be kept.
          if (!read) return
          // No event could ever clear it, and nobody said how long it may be old.
          if (names.length === 0 && seconds === undefined && options?.autoInvalidate !== false) return
          const left = read.until - Date.now()
          if (left <= 0) return
          await this.cache.set({
            key: at,
            value: data,
            tags: names,
            onDemand: isKept ? [] : typesOf(given),
            ttl: Math.min(this.lifeOf(seconds), left),
            fence: lead?.fence,
            isLocal: isPart,
          })
        } finally {
          lead?.done()
        }
      }),
    )
  }

  async clear({ key, tags, options, providers }: Method<"clear">): Promise<void> {
    requireKeyOrTags(key, tags)
    const rooms = [providers ?? this.providerIds.slice(0, 1)].flat().map((id) => this.roomOf(id))
    if (key !== undefined) {
      await Promise.all(rooms.map((room) => this.cache.delete(entryKey(room, key))))
    } else if (tags?.includes(wildcard)) {
      await this.cache.clear()
    } else if (tags !== undefined) {
      await this.cache.invalidate({ tags: tags.flatMap(options?.autoInvalidate ? autoTag : bothKinds) })
    }
  }

  async computeKey(input: object): Promise<string> {
    const key = digestOf(input)
    if (asksForNothing(input)) this.notKept.set(key, true)
    return key
  }

  async computeTags(input: object): Promise<string[]> {
    return tagsOfData(input, this.schema)
  }

  /** A plain read: a miss leads nobody, but a `set` that follows has its fence. */
  private async look(key: string): Promise<Led> {
    const found = await this.cache.get(key)
    if (found.state === "fresh") return found
    return { state: "miss", lead: { fence: found.fence, done: () => undefined } }
  }

  /** As `look`, where there is nothing. */
  private unsought(): Led {
    return { state: "miss", lead: { fence: this.cache.capture(), done: () => undefined } }
  }

  /** Makes every table tell its changes, if that is how changes are heard. @throws what the database throws */
  async installFeed(): Promise<void> {
    if (!this.hears("postgres")) return
    const count = await installFeed(this.database, this.feed)
    this.logger.info(`Pegasus: ${count} tables tell their changes now that did not before.`)
  }

  /** How long changes were on their way, in milliseconds, and what the sampler found. */
  report(): FreshnessReport {
    return { lag: this.freshness?.lag(), sampled: this.sampler?.counts ?? { compared: 0, stale: 0 } }
  }

  /** For the middleware that lets the next read see what a request wrote. */
  get ownWrites(): Freshness | undefined {
    return this.freshness
  }

  private samplerOf(freshness: Freshness): Sampler {
    const { cache, logger, sample: share } = this
    return new Sampler({ share, cache, logger, settled: () => freshness.settled() })
  }

  private hears(source: "postgres" | "events"): boolean {
    return (this.feed.source ?? "postgres") === source
  }

  private async start(): Promise<void> {
    this.schema = readSchema()
    if (this.hears("postgres")) await this.hearPostgres()
    else {
      // All that is kept will carry tags that they move.
      await this.cache.demand()
      this.logger.warn(
        "Pegasus: only Medusa's events are heard; what is changed without one (raw SQL, a price list that begins) is seen when it expires.",
      )
    }
    const invalidate = async (event: Event) => {
      const tags = tagsOfEvent(event)
      const [onDemand] = typesOf(tags)
      if (onDemand !== undefined) await this.cache.invalidate({ tags: tags.map(autoTag), onDemand })
    }
    if (this.eventBus.addInterceptor) {
      // An interceptor sees each event once, in the process that emits it, before it is delivered.
      this.eventBus.addInterceptor(invalidate)
    } else {
      this.logger.warn(
        "Pegasus: this event bus knows no interceptors; a subscriber to all events serves instead.",
      )
      this.eventBus.subscribe("*", invalidate)
    }
  }

  private async hearPostgres(): Promise<void> {
    const { cache, ttl, database, feed, logger, storeCors, httpOptions: http } = this
    const freshness = await Freshness.begin({
      database,
      feed,
      logger,
      invalidate: (tags) => void this.cache.invalidate({ tags }),
      forgetAll: () => void this.cache.clear(),
      capture: () => this.cache.capture(),
    })
    if (!(await freshness.hears(readByModule).catch(() => false))) {
      // Nothing vouches for the cache then.
      await freshness.close()
      logger.warn("Pegasus: this Medusa's statements are not heard; nothing is answered from the cache.")
      return
    }
    const ofMedusa = tablesOfMedusa()
    freshness.isMedusas = (table) => ofMedusa.has(table)
    this.freshness = freshness
    this.early = new EarlyRequests(freshness)
    if (http !== false) this.http = new HttpCache({ cache, freshness, logger, storeCors, http })
    const aside = shortenCartPath({ cache, ttl, database, freshness, logger })
    // Around the modules' reads as they are made now.
    keepModuleReads({ cache, freshness, ttl, database })
    keepStatements({ cache, freshness, ttl })
    if (!(await narrowSearches(database, logger))) aside.push("searches across tables")
    if (aside.length > 0) {
      const names = aside.join(", ")
      logger.warn(
        `Pegasus: this Medusa is not as expected; left as they are: ${names}. The store is slower than it could be.`,
      )
    }
    if (this.sample > 0) this.sampler = this.samplerOf(freshness)
  }

  private declares(provider: string): boolean {
    if (this.providerIds.includes(provider)) return true
    if (!this.strangers.has(provider)) {
      this.strangers.add(provider)
      this.logger.warn(`Pegasus: no cache provider "${provider}" is declared; it is skipped.`)
    }
    return false
  }

  /** The default provider of the module we replaced is our default. @throws PEGASUS_PROVIDER_UNKNOWN */
  private roomOf(provider: string): string {
    if (provider === this.replacedDefault) return this.providerIds[0]!
    if (this.providerIds.includes(provider)) return provider
    throw new PegasusError(
      "PEGASUS_PROVIDER_UNKNOWN",
      `No cache provider "${provider}" is declared.`,
      `Declared are ${this.providerIds.join(", ")}.`,
    )
  }

  /** @param seconds as Medusa gives them; 0 asks for no end, and gets the longest life there is */
  private lifeOf(seconds: number | undefined): number {
    if (seconds === undefined) return this.ttl
    return seconds === 0 ? maxTtl : seconds * 1_000
  }

  private tellOfRedis(state: RedisState, cause: unknown): void {
    const reason = cause instanceof Error ? ` (${cause.message})` : ""
    switch (state) {
      case "joined":
        this.logger.info("Pegasus: Redis joined; the cache is shared.")
        break
      case "refusing":
        this.logger.warn(
          `Pegasus: Redis stores nothing${reason}; each process caches alone until it does. Give it memory, or maxmemory-policy allkeys-lru.`,
        )
        break
      case "away":
        this.logger.warn(`Pegasus: Redis does not answer${reason}; the cache runs on memory until it does.`)
    }
  }
}

/**
 * Is this the `get` of Medusa's `useCache`, which a `set` will follow? It writes all three properties, whatever
 * their values (utils/dist/caching/index.js:31, 2.21.2). Another caller may only be looking: nobody should wait
 * for a `set` that it never meant to make.
 */
function willSet(options: object): boolean {
  return "key" in options && "tags" in options && "providers" in options
}

/** Is this a query for no ids at all? It asks nobody, and need not be kept. (query/dist/query/cache.js:30, 2.21.2) */
function asksForNothing(input: object): boolean {
  const { queryOptions } = input as { queryOptions?: { filters?: { id?: unknown } } }
  const ids = queryOptions?.filters?.id
  return Array.isArray(ids) && ids.length === 0
}

/** Is this the `set` of Medusa's `useCache`, at the end of a load? (utils/dist/caching/index.js:41, 2.21.2) */
function followsLoad(call: object): boolean {
  return "computeAutomaticTags" in call
}

function requireKeyOrTags(key: string | undefined, tags: string[] | undefined): void {
  if (key || tags) return
  throw new PegasusError(
    "PEGASUS_KEY_MISSING",
    "A cache call has neither a key nor tags.",
    "Give one of them.",
  )
}

/** Something, as a page does. */
async function readByModule(): Promise<void> {
  const stores = MedusaModule.getModuleInstance(Modules.STORE)?.[Modules.STORE] as
    | IStoreModuleService
    | undefined
  await stores?.listStores({}, { select: ["id"], take: 1 })
}

function readSchema(): EntitySchema {
  const configs = MedusaModule.getAllJoinerConfigs()
  const { schema } = GraphQLUtils.cleanGraphQLSchema(
    `scalar DateTime\nscalar JSON\ndirective @enumValue(value: String) on ENUM_VALUE\n${configs
      .map((config) => config.schema ?? "")
      .join("\n")}`,
  )
  const executable = GraphQLUtils.makeExecutableSchema({ typeDefs: GraphQLUtils.mergeTypeDefs(schema) })
  const types: EntitySchema["types"] = new Map()
  for (const [name, type] of Object.entries(executable.getTypeMap())) {
    if (!name.startsWith("__") && "getFields" in type) types.set(name, type)
  }
  return { types, idPrefixes: Object.assign({}, ...configs.map((config) => config.idPrefixToEntityName)) }
}

const entryKey = (provider: string, key: string) => `${provider}:${key}`
const autoTag = (tag: string) => `auto:${tag}`
const keptTag = (tag: string) => `kept:${tag}`
const bothKinds = (tag: string) => [autoTag(tag), keptTag(tag)]
/** Of what the tags name; without a colon no event of Medusa can name it. */
const typesOf = (tags: readonly string[]) => [
  ...new Set(tags.filter((tag) => tag.includes(":")).map((tag) => tag.slice(0, tag.indexOf(":")))),
]
