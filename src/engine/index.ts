/** The framework-free cache. See cache.ts for the story. */
export type { Bus } from "./bus/bus"
export { localBus } from "./bus/local"
export { type RedisBusOptions, redisBus } from "./bus/redis"
export {
  type Cache,
  type CacheOptions,
  type CacheStats,
  createCache,
  type Fresh,
  type GetOrSetOptions,
  type Lead,
  type Led,
  type LoadContext,
  type Lookup,
  maxTtl,
  type RedisState,
  type SetOptions,
} from "./cache"
export { type Clock, systemClock } from "./clock"
export { connect, parseAddress, type RedisConnection } from "./connection"
export { digest, digestOf } from "./digest"
export type { Entry } from "./entry"
export { type ErrorCode, errorCodes, PegasusError } from "./errors"
export { type CacheEvent, type CacheEvents, onCacheEvent } from "./events"
export { demandOf, type Fence, type Ledger } from "./ledger"
export { copyOf, isPlain, isPlainObject, type Plain } from "./plain"
export { stableText } from "./stable-text"
export { defaultMemory, memoryTier } from "./tiers/memory"
export { redisTier } from "./tiers/redis"
export type { Tier } from "./tiers/tier"
export { type CacheIdentifier, createWithCache, type WithCache } from "./with-cache"
