/** A proxy for one store: its memory, its Redis, its feed. */
import type { Server } from "node:http"
import type { ClientConfig } from "pg"
import { connect, createCache, defaultMemory, PegasusError } from "../engine"
import { postgresFeed } from "../feed"
import { AccessLog, crossOriginOf, policiesOf, type RouteOptions, surrogateHeaders } from "../http"
import { tagsOfChanges } from "../tracking"
import { createProxy } from "./proxy"

/** What a store says of itself (medusa/describe-store.ts). Plain data: it comes from another process. */
export interface StoreDescription {
  /** On which the changes of the store's database are heard. */
  connection: ClientConfig
  schema: string
  /** What keeps its keys apart. */
  environment: string
  /** Whose pages may read answers. */
  origins: (string | RegExp)[]
  /** The options of `withPegasus`. */
  options: {
    redisUrl?: string | undefined
    memory?: { maxBytes: number } | undefined
    feed?: { source?: "postgres" | "events" | undefined } | undefined
    http?:
      | false
      | {
          routes?: RouteOptions[] | undefined
          surrogateKeys?: keyof typeof surrogateHeaders | undefined
          accessLog?: boolean | undefined
          honorNoCache?: boolean | undefined
        }
      | undefined
  }
}

export interface StoreProxy {
  /** Does not listen yet. */
  server: Server
  close(): Promise<void>
}

/** The longest to wait at the start until changes are heard, in milliseconds. */
const longestStart = 2_000
/** The longest an answer to a write waits for what it changed to be heard here, in milliseconds. */
const longestSettling = 1_000

/**
 * @param print told of each change of state
 * @throws PegasusError PEGASUS_PROXY_UNFIT
 */
export async function proxyOf(
  store: StoreDescription,
  upstream: URL,
  print: (line: string) => void,
): Promise<StoreProxy> {
  const { redisUrl, http } = fit(store)
  const { connection, schema, environment, origins, options } = store
  const feed = postgresFeed({
    connection,
    schema,
    onChanges: (changes) => void cache.invalidate({ tags: tagsOfChanges(changes) }),
    onGap: () => void cache.clear(),
    onTrust: (isTrusted, cause) => print(isTrusted ? "listening to what PostgreSQL commits" : silent(cause)),
  })
  const cache = createCache({
    prefix: `pegasus:${environment}`,
    memory: options.memory ?? { maxBytes: defaultMemory },
    redis: connect(redisUrl),
    witness: feed,
    onRedis: (state) =>
      print(
        state === "away" ? "Redis does not answer; all goes to the store until it does" : `Redis ${state}`,
      ),
  })
  const log = http.accessLog !== false && logsRequests() ? new AccessLog() : undefined
  const server = createProxy({
    upstream,
    cache,
    front: {
      policies: policiesOf(http.routes),
      crossOrigin: crossOriginOf(origins),
      surrogate: http.surrogateKeys && surrogateHeaders[http.surrogateKeys],
      honorsNoCache: http.honorNoCache,
      onHit: log && ((req, status) => log.hit(req, status)),
    },
    async settle() {
      if (feed.trusted(Date.now()) && !(await feed.settled(longestSettling))) await cache.clear()
    },
  })
  await feed.settled(longestStart)
  const close = async () => {
    await feed.close()
    await cache.close()
  }
  return { server, close }
}

function fit({ options: { redisUrl, http = {}, feed } }: StoreDescription) {
  const unfit = (why: string, remedy: string) => new PegasusError("PEGASUS_PROXY_UNFIT", why, remedy)
  if (redisUrl === undefined) {
    throw unfit("The proxy and the store share by Redis what is kept.", "Give withPegasus a redisUrl.")
  }
  if (http === false) throw unfit("The HTTP cache is off.", "Take http: false out of withPegasus.")
  if (feed?.source === "events") {
    throw unfit(
      "The store hears of changes by Medusa's events, which do not reach the proxy.",
      "Let withPegasus have feed.source postgres.",
    )
  }
  return { redisUrl, http }
}

/** As Medusa's logger decides it (cli/dist/reporter/index.js, 2.21.2). */
function logsRequests(): boolean {
  const { LOG_LEVEL: level = "http" } = process.env
  return !["error", "warn", "info"].includes(level)
}

function silent(cause: unknown): string {
  const reason = cause instanceof Error ? ` (${cause.message})` : ""
  return `the feed of PostgreSQL is silent${reason}; what is older than two seconds goes to the store until it speaks`
}
