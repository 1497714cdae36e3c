/** The connection to Redis. What is said about it is the cache's to say (`onRedis`). */
import Redis, { Cluster, type RedisOptions } from "ioredis"
import { PegasusError } from "./errors"

export type RedisConnection = Redis | Cluster

/**
 * The longest pause between two attempts to connect, in milliseconds. When Redis comes back some processes are there before others, and trust it: what those who come later
 * have invalidated meanwhile they hear so much later.
 */
const longestPause = 200
const pauseBefore = (attempt: number) => Math.min(100 * attempt, longestPause)

/** Commands fail at once while there is no connection: waiting is the caller's decision. */
const impatient = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  connectionName: "pegasus",
} satisfies RedisOptions

/**
 * Connects in the background and for ever.
 *
 * @param address one server: `redis://[user:password@]host[:port][/database]`. Behind Sentinel:
 * `redis+sentinel://[user:password@]host:port[,host:port…]/name[/database]`, the hosts being the sentinels and
 * the name that of the master. A cluster: `redis+cluster://[user:password@]host:port[,host:port…]`. With TLS:
 * `rediss://`, `rediss+sentinel://`, `rediss+cluster://`.
 * @throws PegasusError PEGASUS_REDIS_URL_INVALID
 */
export function connect(address: string): RedisConnection {
  const redis = connectionTo(parseAddress(address))
  redis.on("error", () => undefined)
  redis.connect().catch(() => undefined)
  return redis
}

type Address =
  | { kind: "server"; url: string }
  | { kind: "sentinel"; nodes: Node[]; name: string; login: Login }
  | { kind: "cluster"; nodes: Node[]; login: Login }

type Login = Pick<RedisOptions, "username" | "password" | "db" | "tls">
interface Node {
  host: string
  port: number
}

function connectionTo(address: Address): RedisConnection {
  const options: RedisOptions = {
    ...impatient,
    lazyConnect: true,
    retryStrategy: pauseBefore,
    // A master that became a replica: connect anew, to where the master is now.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  }
  switch (address.kind) {
    case "server":
      return new Redis(address.url, options)
    case "sentinel": {
      const { nodes: sentinels, name, login } = address
      return new Redis({ ...options, ...login, sentinels, name, sentinelRetryStrategy: pauseBefore })
    }
    case "cluster":
      return new Cluster(address.nodes, {
        lazyConnect: true,
        enableOfflineQueue: false,
        clusterRetryStrategy: pauseBefore,
        slotsRefreshTimeout: 2_000,
        // A slot that moved is followed; a node that is gone is not waited for.
        maxRedirections: 3,
        retryDelayOnFailover: 50,
        retryDelayOnClusterDown: 50,
        redisOptions: { ...impatient, ...address.login },
      })
  }
}

const severalHosts =
  /^(rediss?)\+(sentinel|cluster):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?#]+)(?:\/([^?#]*))?$/

/** @throws PegasusError PEGASUS_REDIS_URL_INVALID */
export function parseAddress(address: string): Address {
  const parsed = parseServer(address) ?? parseHosts(address)
  if (parsed) return parsed
  throw new PegasusError(
    "PEGASUS_REDIS_URL_INVALID",
    "The address of Redis cannot be read.",
    "Write redis://[user:password@]host[:port][/database], redis+sentinel://host:port,host:port/name or redis+cluster://host:port,host:port; with TLS rediss://, rediss+sentinel://, rediss+cluster://.",
  )
}

function parseServer(url: string): Address | undefined {
  if (!/^rediss?:/.test(url) || !URL.canParse(url) || new URL(url).hostname === "") return undefined
  return { kind: "server", url }
}

function parseHosts(address: string): Address | undefined {
  const match = severalHosts.exec(address)
  if (!match) return undefined
  const [, scheme, kind, username, password, hosts = "", path = ""] = match
  const nodes = hosts.split(",").map((host) => nodeOf(host, kind === "sentinel" ? 26_379 : 6_379))
  if (!nodes.every((node) => node !== undefined)) return undefined
  const login: Login = {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(scheme === "rediss" && { tls: {} }),
  }
  if (kind === "cluster") return path === "" ? { kind, nodes, login } : undefined
  const [, name, db] = /^([^/]+)(?:\/(\d+))?$/.exec(path) ?? []
  if (name === undefined) return undefined
  return { kind: "sentinel", nodes, name: decodeURIComponent(name), login: { ...login, db: Number(db ?? 0) } }
}

/** "host", "host:port", "[::1]:port" */
function nodeOf(text: string, defaultPort: number): Node | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text)
  if (!match) return undefined
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port: Number(match[2] ?? defaultPort) }
}
