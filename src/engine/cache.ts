/**
 * The cache: a memory tier in this process, a Redis tier shared by all, and a bus that keeps both true.
 *
 * A read asks memory, then Redis, then says "miss" and hands out a fence: the place in the order of
 * invalidations where the caller's load begins. A write brings the fence back, and is refused when any of
 * its tags moved since (see ledger.ts). An invalidation gives its tags the next number.
 *
 * Which ledger judges. While the bus is trusted, its own. While it is not (Redis away, hung, or this process
 * was asleep) the process is an island: it judges by a ledger of its own, Redis is not read, and an entry is
 * answered at most `trustWindow` after its load began, which is as long as a silent bus may go unnoticed.
 * Invalidations made on the island wait in the outbox and are sent when the bus is back; until then the
 * bus's ledger holds their tags as pending.
 */
import type Redis from "ioredis"
import { Breaker, within } from "./breaker"
import type { Bus } from "./bus/bus"
import { localBus } from "./bus/local"
import { redisBus } from "./bus/redis"
import { type Clock, systemClock } from "./clock"
import type { Entry } from "./entry"
import { PegasusError } from "./errors"
import type { Fence } from "./ledger"
import { copyOf, toPlain } from "./plain"
import { type MemoryTier, memoryTier } from "./tiers/memory"
import { type RedisTier, redisTier } from "./tiers/redis"
import { wireFormat } from "./wire"

export type Lookup = { state: "fresh"; value: unknown } | { state: "miss"; fence: Fence }

export interface SetOptions {
  key: string
  value: unknown
  /** Milliseconds. */
  ttl: number
  tags?: readonly string[]
  /** Captured before the load. Without it the value is taken to be as new as this call. */
  fence?: Fence | undefined
}

export interface CacheStats {
  memory: { entries: number; bytes: number }
  redis: RedisState | "none"
}

export type RedisState = "joined" | "away"

export interface Cache {
  get(key: string): Promise<Lookup>
  /**
   * @returns whether it was stored: false when one of its tags moved since the fence
   * @throws PegasusError PEGASUS_VALUE_UNDEFINED, PEGASUS_TTL_INVALID; TypeError for what JSON refuses
   */
  set(options: SetOptions): Promise<boolean>
  delete(key: string): Promise<void>
  /** Makes every entry with one of these tags unusable, everywhere. Constant cost per tag. */
  invalidate(options: { tags: readonly string[] }): Promise<void>
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
  redis?: Redis | undefined
  /** The longest a read waits for Redis, in milliseconds. Default 50. */
  redisBudget?: number
  /** How long one proof that the bus is alive is worth, in milliseconds. Default 2,000. */
  trustWindow?: number
  clock?: Clock
  /** Redis joined or went away: called once per change, the first time when either is known. */
  onRedis?(state: RedisState, cause?: unknown): void
}

const day = 86_400_000
/** The longest an entry lives, in milliseconds. */
const maxTtl = 7 * day
/** How many tags the order of invalidations remembers before the oldest values are given up. */
const maxTags = 50_000
/** An invalidation is worth a longer wait than a read. Milliseconds. */
const invalidationBudget = 2_000
/** How long Redis is left alone after it failed a read, in milliseconds. */
const retryAfter = 500

export function createCache(options: CacheOptions): Cache {
  return new TieredCache(options)
}

interface Shared {
  tier: RedisTier
  bus: Bus
  breaker: Breaker
}

class TieredCache implements Cache {
  private readonly clock: Clock
  private readonly trustWindow: number
  private readonly memory: MemoryTier
  private readonly island = localBus(maxTags)
  private readonly shared: Shared | undefined
  private readonly reads = new Map<string, Promise<Entry | undefined>>()
  private outbox: { tags: string[]; sent(): void }[] = []
  private announced: RedisState | undefined

  constructor(private readonly options: CacheOptions) {
    this.clock = options.clock ?? systemClock
    this.trustWindow = options.trustWindow ?? 2_000
    this.memory = memoryTier(options.memory.maxBytes)
    this.shared = options.redis && this.share(options.redis)
  }

  async get(key: string): Promise<Lookup> {
    const held = this.memory.get(key)
    if (held && this.holds(key, held)) return { state: "fresh", value: copyOf(held.value) }

    const fence = this.capture()
    const found = await this.readShared(key)
    if (found && this.holds(key, found)) {
      this.memory.set(key, found)
      return { state: "fresh", value: copyOf(found.value) }
    }
    return { state: "miss", fence }
  }

  async set({ key, value, ttl, tags = [], fence = this.capture() }: SetOptions): Promise<boolean> {
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
    const life = Math.min(ttl, maxTtl)
    const entry: Entry = { ...toPlain(value), tags, fence, expiresAt: this.clock.now() + life }
    if (!this.holds(key, entry)) return false
    this.memory.set(key, entry)
    if (this.joined() && fence.epoch === this.shared!.bus.ledger.epoch) {
      await this.shared!.breaker.run(() => this.shared!.tier.set(key, entry, life))
    }
    return true
  }

  async delete(key: string): Promise<void> {
    this.memory.delete(key)
    await this.invalidate({ tags: [ownTag(key)] })
  }

  async invalidate({ tags }: { tags: readonly string[] }): Promise<void> {
    if (tags.length === 0) return
    const moving = [...new Set(tags)]
    await this.island.move(moving)
    if (!this.shared) return
    this.outbox.push({ tags: moving, sent: this.shared.bus.ledger.begin(moving) })
    await this.send()
  }

  async clear(): Promise<void> {
    this.memory.clear()
    await this.invalidate({ tags: [everything] })
  }

  async findByTags(tags: readonly string[], keyPrefix: string): Promise<unknown[]> {
    const wanted = new Set(tags)
    const found = new Map<string, unknown>()
    const consider = (key: string, entry: Entry) => {
      if (!key.startsWith(keyPrefix) || found.has(key)) return
      if (entry.tags.some((tag) => wanted.has(tag)) && this.holds(key, entry))
        found.set(key, copyOf(entry.value))
    }
    for (const [key, entry] of this.memory.entries()) consider(key, entry)
    if (this.joined()) for await (const [key, entry] of this.shared!.tier.entries()) consider(key, entry)
    return [...found.values()]
  }

  stats(): CacheStats {
    return {
      memory: { entries: this.memory.count, bytes: this.memory.bytes },
      redis: !this.shared ? "none" : this.joined() ? "joined" : "away",
    }
  }

  async close(): Promise<void> {
    await this.shared?.bus.close()
    this.options.redis?.disconnect()
  }

  private joined(): boolean {
    return this.shared?.bus.trusted() === true
  }

  private capture(): Fence {
    const ledger = this.joined() ? this.shared!.bus.ledger : this.island.ledger
    return ledger.capture(this.clock.now())
  }

  /** May this entry be answered now? */
  private holds(key: string, entry: Entry): boolean {
    const now = this.clock.now()
    if (now >= entry.expiresAt) return false
    const tags = [...entry.tags, ownTag(key), everything]
    if (this.joined()) return this.shared!.bus.ledger.holds(entry.fence, tags)
    if (this.shared && now >= entry.fence.at + this.trustWindow) return false
    return this.island.ledger.holds(entry.fence, tags)
  }

  /** One read of Redis a key, however many ask; nothing while the bus is not trusted. */
  private readShared(key: string): Promise<Entry | undefined> {
    if (!this.joined()) return Promise.resolve(undefined)
    const { breaker, tier } = this.shared!
    let read = this.reads.get(key)
    if (!read) {
      read = breaker.run(() => tier.get(key)).finally(() => this.reads.delete(key))
      this.reads.set(key, read)
    }
    return read
  }

  /** Sends what waits in the outbox. What cannot be sent stays, and its tags stay pending. */
  private async send(): Promise<void> {
    const { bus, breaker } = this.shared!
    const sending = this.outbox
    this.outbox = []
    if (sending.length === 0) return
    let tags = [...new Set(sending.flatMap((waiting) => waiting.tags))]
    if (tags.length > maxTags / 2) tags = [everything]
    try {
      await within(invalidationBudget, bus.move(tags))
      for (const waiting of sending) waiting.sent()
    } catch (cause) {
      this.outbox = sending.concat(this.outbox)
      breaker.open(cause)
    }
  }

  private share(redis: Redis): Shared {
    const prefix = `${this.options.prefix}:v${wireFormat}`
    const breaker = new Breaker({
      budget: this.options.redisBudget ?? 50,
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
      onTrust: (trusted) => {
        if (trusted) {
          breaker.close()
          void this.send()
        }
        this.announce()
      },
    })
    redis.once("error", (cause) => this.announce(cause))
    return { tier: redisTier(redis, prefix), bus, breaker }
  }

  private announce(cause?: unknown): void {
    if (!this.shared) return
    const state = this.shared.breaker.state === "closed" && this.joined() ? "joined" : "away"
    if (state === this.announced) return
    this.announced = state
    this.options.onRedis?.(state, cause)
  }
}

/** Every entry carries a tag of its own, so that one key can be invalidated like any other name. */
const ownTag = (key: string) => `key:${key}`
/** And one that all share. */
const everything = "*"
