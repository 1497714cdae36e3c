/** The connection to Redis. What is said about it is the cache's to say (`onRedis`). */
import Redis from "ioredis"

/** The longest pause between two attempts to connect, in milliseconds. */
const longestPause = 1_000

/**
 * Connects in the background and for ever. Commands fail at once while there is no connection:
 * waiting is the caller's decision, not the connection's.
 */
export function connect(url: string): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    connectionName: "pegasus",
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), longestPause),
  })
  redis.on("error", () => undefined)
  redis.connect().catch(() => undefined)
  return redis
}
