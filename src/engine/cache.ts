/**
 * The cache: a memory tier in this process, a Redis tier shared by all, and a bus that keeps both true.
 *
 * The story of `getOrSet`: memory answers; else one flight a key in this process asks Redis; else one holder
 * of the lease among all processes loads, having captured its fence (its place in the order of invalidations,
 * see ledger.ts) before it began; what it loaded is kept unless one of its tags moved meanwhile.
 * `lead` and `set` are the same for callers that load on their own: a miss hands out the right to load.
 *
 * Which ledger judges. While the bus is trusted, its own. While it is not (Redis away, hung, or this process
 * was asleep) the process is an island: it judges by a ledger of its own, Redis is not read, and an entry is
 * answered at most `trustWindow` after its load began, which is as long as a silent bus may go unnoticed.
 * Invalidations that cannot be sent wait in the outbox (outbox.ts) until the next proof that Redis answers.
 */
import { Breaker, within } from "./breaker"
import type { Bus } from "./bus/bus"
import { localBus } from "./bus/local"
import { redisBus } from "./bus/redis"
import { type Clock, systemClock } from "./clock"
import type { RedisConnection } from "./connection"
import type { Entry } from "./entry"
import { PegasusError } from "./errors"
import { type CacheEvent, type CacheEvents, channelOf } from "./events"
import { Flights } from "./flight"
import { Leads } from "./lead"
import { type Lease, type Leases, pausesUntil, redisLeases } from "./lease"
import { demandOf, demandOfAll, type Fence } from "./ledger"
import { Outbox } from "./outbox"
import { copyOf, freeze, toPlain } from "./plain"
import { type MemoryTier, memoryTier } from "./tiers/memory"
import { type RedisTier, redisTier } from "./tiers/redis"
import { type Head, wireFormat } from "./wire"

export interface Fresh {
  state: "fresh"
  value: unknown
  /** What it depends on, and when it expires (milliseconds since 1970): who builds on it depends on the same. */
  tags: readonly string[]
  expiresAt: number
}

export type Lookup = Fresh | { state: "miss"; fence: Fence }

/** The right to load a key. Whoever has it stores what it loaded with its fence, then says it is done. */
export interface Lead {
  readonly fence: Fence
  done(): void
}

export type Led = Fresh | { state: "miss"; lead: Lead }

export interface LoadContext {
  /** Names what the load found: the value depends on these tags too. */
  tag(...names: string[]): void
  /** The value expires then at the latest: milliseconds since 1970. */
  expire(at: number): void
}

export interface SetOptions {
  key: string
  value: unknown
  /** Milliseconds. */
  ttl: number
  /** How long after its ttl memory may answer it while it is loaded anew, in milliseconds. Default 0. */
  staleFor?: number | undefined
  /** How long after its ttl it may be answered when loading fails, in milliseconds. Default 0. */
  staleOnErrorFor?: number | undefined
  tags?: readonly string[] | undefined
  /** Of which kinds of tags that move on demand it carries some: see `invalidate`. Default none. */
  onDemand?: readonly string[] | undefined
  /**
   * Captured before the load. Without it the value is taken to be as new as this call, and what other processes
   * hold under the key is invalidated first.
   */
  fence?: Fence | undefined
  /** Kept in the memory of this process alone: too many and too small to be worth a way to Redis. Default false. */
  isLocal?: boolean | undefined
}

export interface GetOrSetOptions<T> extends Omit<SetOptions, "value" | "fence" | "isLocal" | "onDemand"> {
  load(context: LoadContext): Promise<T> | T
  /** The longest to wait for the load of another process, in milliseconds; 0: not at all. Default 30,000. */
  lockTimeout?: number
  /** Hands out the one value, frozen, instead of a copy of the caller's own. */
  shared?: boolean
}

export interface CacheStats {
  memory: { entries: number; bytes: number }
  redis: RedisState | "none"
}

/** `refusing`: it answers, but stores nothing, being full for example. */
export type RedisState = "joined" | "refusing" | "away"

export interface Cache {
  /**
   * The value of the key, loaded when there is none. One load a key, in all processes. A load that fails
   * stores nothing and rejects for all who waited in this process.
   * @throws what `load` throws; PegasusError PEGASUS_VALUE_UNDEFINED, PEGASUS_TTL_INVALID; TypeError for what
   * JSON refuses
   */
  getOrSet<T>(options: GetOrSetOptions<T>): Promise<T>
  get(key: string): Promise<Lookup>
  /** What memory has, at once. */
  peek(key: string): Fresh | undefined
  /** The place in the order of invalidations now: the fence of a load that begins now. */
  capture(): Fence
  /**
   * Like `get`, but on a miss one caller at a time is told to load; the others wait for its `set`, at most
   * `lockTimeout` milliseconds from the beginning of the load, then load too.
   * @param isLocal among the callers of this process alone, of what its memory alone keeps
   */
  lead(key: string, lockTimeout: number, isLocal?: boolean | undefined): Promise<Led>
  /**
   * @returns whether it may be answered: false when one of its tags moved since the fence, or Redis came or went
   * @throws PegasusError PEGASUS_VALUE_UNDEFINED, PEGASUS_TTL_INVALID; TypeError for what JSON refuses
   */
  set(options: SetOptions): Promise<boolean>
  delete(key: string): Promise<void>
  /**
   * Makes every entry with one of these tags unusable, everywhere. Constant cost per tag.
   * @param options.onDemand their kind, when they move often and hardly anybody keeps anything by them: only entries that were set with it are
   * meant. Nothing is done until the first of these is set, in any process; one that was set in the last moment before falls as soon as that is heard of here.
   */
  invalidate(options: { tags: readonly string[]; onDemand?: string }): Promise<void>
  /**
   * Has tags of these kinds, which move on demand, told from here on, in all processes: what is captured after it may be set with them.
   * @param kinds default all there are
   */
  demand(kinds?: readonly string[]): Promise<void>
  /** Makes every entry unusable, everywhere. */
  clear(): Promise<void>
  /** Every value under `keyPrefix` with one of these tags. Reads both tiers through: not for requests. */
  findByTags(tags: readonly string[], keyPrefix: string): Promise<unknown[]>
  stats(): CacheStats
  close(): Promise<void>
}

export interface CacheOptions {
  /** Keeps stores that share a Redis apart. */
  prefix: string
  memory: { maxBytes: number }
  redis?: RedisConnection | undefined
  /** The longest a read waits for Redis, in milliseconds. Default 40: a busy process adds some. */
  redisBudget?: number
  /** How long one proof that the bus is alive is worth, in milliseconds. Default 2,000. */
  trustWindow?: number
  clock?: Clock
  /**
   * Who else must vouch that nothing moved unheard: a feed of changes. While it is not trusted the process is an
   * island.
   */
  witness?: { trusted(now: number): boolean } | undefined
  /** Redis joined or went away: called once per change, the first time when either is known. */
  onRedis?(state: RedisState, cause?: unknown): void
}

const day = 86_400_000
/** The longest an entry lives, in milliseconds. */
export const maxTtl = 7 * day
/** How many tags the order of invalidations remembers before the oldest values are given up. */
const maxTags = 50_000
/** An invalidation is worth a longer wait than a read. Milliseconds. */
const invalidationBudget = 500
/** And so is the right to load alone, when a crowd keeps all processors busy. Milliseconds. */
const leaseBudget = 250
/** And so is reading all of Redis through. Milliseconds. */
const scanBudget = 5_000
/** How long closing waits for what is still under way, in milliseconds. */
const closeBudget = 500
/** How long Redis is left alone after it failed a read, in milliseconds. */
const retryAfter = 500
const defaultLockTimeout = 30_000
/** The tag that all entries share. */
const everything = "*"
/** When more kinds of tags are demanded than this, all are. */
const mostKinds = 500

export function createCache(options: CacheOptions): Cache {
  return new TieredCache(options)
}

interface Shared {
  tier: RedisTier
  bus: Bus
  leases: Leases
  breaker: Breaker
}

class TieredCache implements Cache {
  private readonly clock: Clock
  private readonly trustWindow: number
  private readonly memory: MemoryTier
  private readonly island = localBus(maxTags)
  private readonly shared: Shared | undefined
  private readonly reads = new Flights<Entry | undefined>()
  private readonly flights = new Flights<Entry>()
  private readonly leads: Leads
  private readonly outbox: Outbox | undefined
  /** What nobody waits for but `close`. */
  private readonly background = new Set<Promise<unknown>>()
  private sending: Promise<number | undefined> | undefined
  private nextSending: Promise<number | undefined> | undefined
  /** What moved on demand and nobody demanded, since Redis last proved that nobody had. */
  private untold: { at: number; demand: string; tags: readonly string[] }[] = []
  private closed = false
  private announced: RedisState | undefined
  /** When Redis last refused to store, until it stores again. */
  private refusedAt: number | undefined

  constructor(private readonly options: CacheOptions) {
    this.clock = options.clock ?? systemClock
    this.trustWindow = options.trustWindow ?? 2_000
    this.memory = memoryTier(options.memory.maxBytes)
    this.leads = new Leads(this.clock)
    this.shared = options.redis && this.share(options.redis)
    this.outbox = this.shared && new Outbox(this.shared.bus.ledger, everything, maxTags / 2)
  }

  /**
   * Who joins a flight may have come after a change that its load did not see. If what it brings no longer holds,
   * the next flight, which begins after the joiner came, brings what is good for it.
   */
  getOrSet<T>(options: GetOrSetOptions<T>): Promise<T> {
    const { key, shared = false } = options
    const held = this.memory.get(key)
    if (held !== undefined && this.isFresh(held)) {
      this.tell("hit", { key, tier: "memory", state: "fresh" })
      return Promise.resolve(give(held, shared) as T)
    }
    const flight = () => this.flights.run(key, () => this.fill(options, held))
    if (held !== undefined && this.isUsable(held, options.staleFor)) {
      this.tell("hit", { key, tier: "memory", state: "stale" })
      flight().catch(() => undefined)
      return Promise.resolve(give(held, shared) as T)
    }
    const joins = this.flights.has(key)
    return flight()
      .then((entry) => (joins && !this.holds(entry, this.clock.now()) ? flight() : entry))
      .then((entry) => give(entry, shared) as T)
  }

  async get(key: string): Promise<Lookup> {
    const fence = this.capture()
    const found = await this.find(key)
    return found ? freshOf(found) : { state: "miss", fence }
  }

  peek(key: string): Fresh | undefined {
    const held = this.held(key)
    return held && freshOf(held)
  }

  capture(): Fence {
    const ledger = this.joined() ? this.shared!.bus.ledger : this.island.ledger
    return ledger.capture(this.clock.now())
  }

  async lead(key: string, lockTimeout: number, isLocal = false): Promise<Led> {
    const peek = () => this.held(key)
    const find = async () => (isLocal ? peek() : this.find(key))
    const led = await this.leads.take(key, lockTimeout, find, peek)
    if ("found" in led) return freshOf(led.found)
    const claim = isLocal ? {} : await this.claim(key, lockTimeout)
    if ("entry" in claim) {
      led.done()
      return freshOf(claim.entry)
    }
    const done = () => {
      led.done()
      this.later(release(claim.lease))
    }
    return { state: "miss", lead: { fence: this.capture(), done } }
  }

  async set(options: SetOptions): Promise<boolean> {
    const { value, fence, isLocal = false, onDemand = [] } = options
    if (onDemand.length > 0) await this.demand(onDemand)
    const entry = this.entryOf(options, value, fence ?? (await this.replace(options.key)))
    if (!this.keepInMemory(entry)) return false
    if (!isLocal) await this.keepInRedis(entry)
    return true
  }

  async delete(key: string): Promise<void> {
    this.memory.delete(key)
    await this.move([ownTag(key)])
  }

  async invalidate({ tags, onDemand }: Parameters<Cache["invalidate"]>[0]): Promise<void> {
    if (tags.length === 0) return
    this.tell("invalidate", { tags })
    const moved = tags.map(wellFormed)
    if (onDemand === undefined) await this.move(moved)
    else await this.moveOnDemand(moved, demandTag(onDemand))
  }

  async demand(kinds: readonly string[] = []): Promise<void> {
    const { ledger } = this.joined() ? this.shared!.bus : this.island
    const isMany = kinds.length === 0 || ledger.demanded + kinds.length > mostKinds
    const demands = isMany ? [demandOfAll] : kinds.map(demandTag)
    const missing = demands.filter((demand) => !ledger.isDemanded(demand))
    if (missing.length > 0) await this.move(missing)
  }

  async clear(): Promise<void> {
    this.memory.clear()
    await this.move([everything])
  }

  async findByTags(tags: readonly string[], keyPrefix: string): Promise<unknown[]> {
    const wanted = new Set(tags.map(wellFormed))
    const found = new Map<string, unknown>()
    const consider = (entry: Entry) => {
      if (!entry.key.startsWith(keyPrefix) || found.has(entry.key)) return
      if (entry.tags.some((tag) => wanted.has(tag)) && this.isFresh(entry)) {
        found.set(entry.key, copyOf(entry.value))
      }
    }
    for (const entry of this.memory.entries()) consider(entry)
    if (this.joined()) {
      const { breaker, tier } = this.shared!
      await breaker.run(async () => {
        for await (const entry of tier.entries()) consider(entry)
      }, scanBudget)
    }
    return [...found.values()]
  }

  stats(): CacheStats {
    return {
      memory: { entries: this.memory.count, bytes: this.memory.bytes },
      redis: this.shared ? this.redisState() : "none",
    }
  }

  async close(): Promise<void> {
    // It will not hear of a demand.
    await this.tellOthers(this.untold.flatMap(({ tags }) => tags))
    await within(closeBudget, Promise.all(this.background)).catch(() => undefined)
    this.closed = true
    await this.shared?.bus.close()
    this.options.redis?.disconnect()
  }

  /** The fresh entry of the key in memory. */
  private held(key: string): Entry | undefined {
    const held = this.memory.get(key)
    if (!held || !this.isFresh(held)) return undefined
    this.tell("hit", { key, tier: "memory", state: "fresh" })
    return held
  }

  /** The fresh entry of the key, from memory, else from Redis. */
  private async find(key: string): Promise<Entry | undefined> {
    const held = this.held(key)
    if (held) return held
    const found = await this.readShared(key)
    if (!found || !this.isFresh(found)) {
      this.tell("miss", { key })
      return undefined
    }
    return this.adopt(found)
  }

  /** Answers what Redis has, and keeps it in memory. */
  private adopt(found: Entry): Entry {
    this.tell("hit", { key: found.key, tier: "redis", state: "fresh" })
    this.memory.set(found)
    return found
  }

  /** What a flight does: Redis, else the lease, else the load; what is stale when the load fails. */
  private async fill<T>(options: GetOrSetOptions<T>, held: Entry | undefined): Promise<Entry> {
    const { key, staleOnErrorFor, lockTimeout = defaultLockTimeout } = options
    // What fell here most likely fell in Redis, too; who claims sees.
    const found = held && lockTimeout > 0 ? undefined : await this.readShared(key)
    if (this.isFreshEntry(found)) return this.adopt(found)
    this.tell("miss", { key })
    const claim = await this.claim(key, lockTimeout)
    if ("entry" in claim) return claim.entry
    try {
      const entry = await this.load(options)
      // Those who wait for the lease wait for the value.
      const kept = this.keepInMemory(entry) ? this.keepInRedis(entry, leaseBudget) : Promise.resolve()
      this.later(kept.then(() => release(claim.lease)))
      return entry
    } catch (error) {
      this.later(release(claim.lease))
      const kept = found ?? (await this.readShared(key))
      const stale = [kept, held].find((entry) => entry && this.isUsable(entry, staleOnErrorFor))
      if (!stale) throw error
      this.tell("hit", { key, tier: stale === kept ? "redis" : "memory", state: "stale" })
      return stale
    }
  }

  /** The fence first, then the load. */
  private async load<T>({ load, ...options }: GetOrSetOptions<T>): Promise<Entry> {
    const { key } = options
    const fence = this.capture()
    const tags = new Set(options.tags)
    const started = performance.now()
    try {
      const tag = (...names: string[]) => {
        for (const name of names) tags.add(name)
      }
      let latest = Number.POSITIVE_INFINITY
      const expire = (at: number) => {
        latest = Math.min(latest, at)
      }
      const value = await load({ tag, expire })
      this.tell("load", { key, duration: performance.now() - started })
      const ttl = Math.min(options.ttl, Math.max(1, latest - this.clock.now()))
      return this.entryOf({ ...options, ttl, tags: [...tags] }, value, fence)
    } catch (error) {
      this.tell("load", { key, duration: performance.now() - started, error })
      throw error
    }
  }

  /** The lease on a key, or the entry another made meanwhile, or neither: then load without. */
  private async claim(key: string, lockTimeout: number): Promise<{ lease?: Lease } | { entry: Entry }> {
    if (!this.joined() || !(lockTimeout > 0)) return {}
    const { breaker, leases, tier } = this.shared!
    const started = this.clock.now()
    const attempt = async () => {
      let isGivenUp = false
      const answer = await breaker.run(async () => {
        const [lease, found] = await Promise.all([
          this.unlessRefused(leases.acquire(key, lockTimeout), ungranted),
          tier.get(key, this.isStanding),
        ])
        // A lease that comes when nobody waits for it any more would keep all others waiting.
        if (isGivenUp) this.later(release(lease))
        return { lease, found }
      }, leaseBudget)
      isGivenUp = answer === undefined
      return answer
    }
    const pauses = pausesUntil(started + lockTimeout, () => this.clock.now())
    let answer = await attempt()
    let waited = false
    while (answer && !answer.lease && !this.isFreshEntry(answer.found)) {
      if ((await pauses.next()).done) break
      waited = true
      answer = await attempt()
    }
    if (!answer) return {}
    const { lease, found } = answer
    if (waited) this.tell("wait", { key, duration: this.clock.now() - started })
    if (this.isFreshEntry(found)) {
      this.later(release(lease))
      return { entry: this.adopt(found) }
    }
    return lease ? { lease } : {}
  }

  private entryOf(options: Omit<SetOptions, "value" | "fence">, value: unknown, fence: Fence): Entry {
    const { key, ttl, staleFor = 0, staleOnErrorFor = 0 } = options
    const tags = [...(options.tags ?? []).map(wellFormed), ...(options.onDemand ?? []).map(demandTag)]
    if (value === undefined) {
      throw new PegasusError(
        "PEGASUS_VALUE_UNDEFINED",
        `undefined was offered as the value of "${key}".`,
        "Store null when the answer is that there is nothing.",
      )
    }
    if (!(ttl > 0)) {
      throw new PegasusError("PEGASUS_TTL_INVALID", `A time to live of ${ttl} ms.`, "Give more than 0.")
    }
    const expiresAt = this.clock.now() + Math.min(ttl, maxTtl)
    const staleUntil = expiresAt + Math.min(Math.max(staleFor, staleOnErrorFor), maxTtl)
    return { key, ...toPlain(value), tags, fence, expiresAt, staleUntil }
  }

  /** @returns false when one of its tags moved since its fence */
  private keepInMemory(entry: Entry): boolean {
    const { key, tags, bytes } = entry
    if (!this.holds(entry, this.clock.now())) {
      this.tell("refuse", { key })
      return false
    }
    this.memory.set(entry)
    this.tell("store", { key, tags: tags.length, bytes })
    return true
  }

  private async keepInRedis(entry: Entry, budget?: number): Promise<void> {
    if (!this.joined() || entry.fence.epoch !== this.shared!.bus.ledger.epoch) return
    const { breaker, tier } = this.shared!
    const life = entry.staleUntil - this.clock.now()
    if (life > 0) await breaker.run(() => this.unlessRefused(tier.set(entry, life), undefined), budget)
  }

  /** What Redis refuses costs no waiting and says nothing against reading: not the breaker's business. */
  private async unlessRefused<T>(writing: Promise<T>, instead: T): Promise<T> {
    try {
      const written = await writing
      if (this.refusedAt !== undefined && this.clock.now() - this.refusedAt > this.trustWindow) {
        this.refusedAt = undefined
        this.announce()
      }
      return written
    } catch (cause) {
      if (!isRefusal(cause)) throw cause
      this.refusedAt = this.clock.now()
      this.announce(cause)
      return instead
    }
  }

  private later(work: Promise<unknown>): void {
    this.background.add(work)
    void work.finally(() => this.background.delete(work))
  }

  /** Redis is there and everything that moved is known. */
  private joined(now = this.clock.now()): boolean {
    return this.shared?.bus.trusted(now) === true && this.options.witness?.trusted(now) !== false
  }

  /** Whether something may have moved that this process has not heard of, by someone it should hear. */
  private isCutOff(now: number): boolean {
    return this.shared ? !this.joined(now) : this.options.witness?.trusted(now) === false
  }

  private isFresh(entry: Entry): boolean {
    const now = this.clock.now()
    return now < entry.expiresAt && this.holds(entry, now)
  }

  private isFreshEntry(entry: Entry | undefined): entry is Entry {
    return entry !== undefined && this.isFresh(entry)
  }

  /** Stale, but within the time the caller allows; never past an invalidation. */
  private isUsable(entry: Entry, staleFor = 0): boolean {
    const now = this.clock.now()
    return now < Math.min(entry.expiresAt + staleFor, entry.staleUntil) && this.holds(entry, now)
  }

  /** Has nothing it depends on moved, as far as the ledger that judges now can tell? */
  private holds(entry: Head, now: number): boolean {
    const { shared, trustWindow } = this
    const judge = this.joined(now) ? shared!.bus.ledger : this.island.ledger
    const age = now - entry.fence.at
    if (this.isCutOff(now) && (age >= trustWindow || age < 0)) return false
    if (entry.checkedBy === judge && entry.checkedAt === judge.generation) return true
    const isKnown = entry.checkedBy === judge
    const watched = watchedBy(entry)
    const stands = isKnown
      ? judge.stillHolds(entry.checkedAt!, entry.fence, watched)
      : judge.holds(entry.fence, watched)
    if (!stands) return false
    entry.checkedBy = judge
    entry.checkedAt = judge.generation
    return true
  }

  /** Of what fell, Redis's value is not read. */
  private readonly isStanding = (head: Head) => this.holds(head, this.clock.now())

  /** One read of Redis a key, however many ask; nothing while the bus is not trusted. */
  private readShared(key: string): Promise<Entry | undefined> {
    if (!this.joined()) return Promise.resolve(undefined)
    const { breaker, tier } = this.shared!
    return this.reads.run(key, () => breaker.run(() => tier.get(key, this.isStanding)))
  }

  /** What anyone holds under the key is no longer good. @returns the fence of what comes in its place */
  private async replace(key: string): Promise<Fence> {
    const number = await this.move([ownTag(key)])
    const fence = this.capture()
    const isShared = number !== undefined && fence.epoch === this.shared?.bus.ledger.epoch
    return isShared ? { ...fence, seq: Math.max(fence.seq, number) } : fence
  }

  /** @returns the number that the tags took, if Redis could be told */
  private async move(tags: readonly string[]): Promise<number | undefined> {
    await this.island.move([...new Set(tags)])
    return this.tellOthers(tags)
  }

  private tellOthers(tags: readonly string[]): Promise<number | undefined> {
    this.outbox?.add(tags)
    return this.send()
  }

  /** What is not demanded of a ledger cannot be carried by anything that holds by it. */
  private async moveOnDemand(tags: readonly string[], demand: string): Promise<void> {
    if (this.island.ledger.isDemanded(demand)) await this.island.move([...tags])
    if (!this.joined() || this.shared!.bus.ledger.isDemanded(demand)) await this.tellOthers(tags)
    else this.untold.push({ at: this.clock.now(), demand, tags })
  }

  private tellUntold(demand: string): void {
    const isMeant = (one: { demand: string }) => demand === demandOfAll || one.demand === demand
    const tags = this.untold.filter(isMeant).flatMap((one) => one.tags)
    this.untold = this.untold.filter((one) => !isMeant(one))
    void this.tellOthers(tags)
  }

  /**
   * Sends what waits in the outbox, one batch at a time: what comes while one is under way goes with the next.
   * What cannot be sent stays, its tags stay pending, and a proof sends it.
   * @returns the number of the batch
   */
  private send(): Promise<number | undefined> {
    if (!this.sending) {
      this.sending = this.sendBatch().finally(() => {
        this.sending = undefined
      })
      return this.sending
    }
    this.nextSending ??= this.sending.then(() => {
      this.nextSending = undefined
      return this.send()
    })
    return this.nextSending
  }

  private async sendBatch(): Promise<number | undefined> {
    if (!this.outbox?.waits || !this.shared!.bus.trusted(this.clock.now())) return undefined
    const { bus, breaker } = this.shared!
    if (!breaker.admits(invalidationBudget)) return undefined
    const sending = this.outbox.take()
    try {
      const number = await within(invalidationBudget, bus.move(sending.tags))
      sending.sent()
      return number
    } catch (cause) {
      // What Redis itself refuses it would refuse again: then everything moves, which it can always read.
      const refused = isRefusal(cause)
      this.outbox.putBack(sending, refused && sending.tags[0] !== everything)
      if (!refused) breaker.open(cause)
      return undefined
    }
  }

  private share(redis: RedisConnection): Shared {
    const prefix = `${this.options.prefix}:v${wireFormat}`
    const breaker = new Breaker({
      budget: this.options.redisBudget ?? 40,
      retryAfter,
      clock: this.clock,
      onChange: (_state, cause) => this.announce(cause),
    })
    const bus = redisBus({
      redis,
      prefix,
      trustWindow: this.trustWindow,
      maxTtl,
      maxTags,
      clock: this.clock,
      onSilence: (cause) => this.announce(cause),
      onProof: (roundTrip) => {
        // Who demands after it was asked captures after that, too.
        const asked = this.clock.now() - roundTrip
        this.untold = this.untold.filter(({ at }) => at >= asked)
        breaker.answered(roundTrip)
        void this.send()
        // One that was read late says nothing.
        if (bus.trusted(this.clock.now())) this.announce()
      },
    })
    bus.ledger.onDemand = (demand) => this.tellUntold(demand)
    return { tier: redisTier(redis, prefix), bus, leases: redisLeases(redis, prefix), breaker }
  }

  private announce(cause?: unknown): void {
    if (!this.shared || this.closed) return
    const state = this.redisState()
    if (state === this.announced) return
    this.announced = state
    this.tell("redis", { state, cause })
    this.options.onRedis?.(state, cause)
  }

  private redisState(): RedisState {
    const { breaker, bus } = this.shared!
    if (breaker.state === "open" || !bus.trusted(this.clock.now())) return "away"
    return this.refusedAt === undefined ? "joined" : "refusing"
  }

  private tell<Name extends CacheEvent>(name: Name, event: Omit<CacheEvents[Name], "prefix">): void {
    const channel = channelOf(name)
    if (channel.hasSubscribers) channel.publish({ prefix: this.options.prefix, ...event })
  }
}

/** Every entry carries a tag of its own, so that one key can be invalidated like any other name. */
const ownTag = (key: string) => `key:${wellFormed(key)}`

const demandTag = (kind: string) => wellFormed(demandOf(kind))

/** Half a character (a lone surrogate) is text to JavaScript and an error to Redis's scripts. */
function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? Buffer.from(text).toString() : text
}

function watchedBy(entry: Head): ReadonlySet<string> {
  entry.watched ??= new Set([...entry.tags, ownTag(entry.key), everything])
  return entry.watched
}

const freshOf = ({ value, tags, expiresAt }: Entry): Fresh => ({
  state: "fresh",
  value: copyOf(value),
  tags,
  expiresAt,
})

function give(entry: Entry, shared: boolean): unknown {
  if (!shared) return copyOf(entry.value)
  if (!entry.frozen) {
    freeze(entry.value)
    entry.frozen = true
  }
  return entry.value
}

/** What cannot be released expires. */
async function release(lease: Lease | undefined): Promise<void> {
  await lease?.release().catch(() => undefined)
}

/** An answer that says no to this command, not one that says that the server cannot serve now. */
const isRefusal = (cause: unknown) =>
  cause instanceof Error &&
  cause.name === "ReplyError" &&
  !/^(READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK)\b/.test(cause.message)

/** In place of a lease that Redis refuses to keep: load without. */
const ungranted: Lease = { release: async () => undefined }
