/** The framework-free cache. See cache.ts for the story. */
export {
  type Cache,
  type CacheOptions,
  type CacheStats,
  createCache,
  type Lookup,
  type RedisState,
} from "./cache"
export { type Clock, systemClock } from "./clock"
export { connect } from "./connection"
export { type ErrorCode, errorCodes, PegasusError } from "./errors"
export type { Fence } from "./ledger"
