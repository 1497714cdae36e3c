/** The options of `withPegasus`, and what is said when they are wrong. */
import { z } from "zod"
import { PegasusError, parseAddress } from "../engine"
import type { RouteOptions } from "../http"

const milliseconds = z.number().int().positive()
const route = z.strictObject({
  matcher: z.string().regex(/^\/store\/[\w\-/:]+$/, "must be a path below /store, such as /store/brands/:id"),
  ttl: z.union([milliseconds, z.literal(false)]).optional(),
  cdn: z
    .union([
      z.literal(false),
      z.strictObject({
        maxAge: milliseconds,
        staleWhileRevalidate: milliseconds.optional(),
        staleIfError: milliseconds.optional(),
      }),
    ])
    .optional(),
  ask: z.enum(["before", "after"]).optional(),
  headers: z.array(z.string().regex(/^[\w-]+$/, "must be the name of a header")).optional(),
})

const schema = z.strictObject({
  redisUrl: z
    .string()
    .refine(
      isRedisAddress,
      "must look like redis://[user:password@]host[:port][/database], redis+sentinel://host:port,host:port/name or redis+cluster://host:port,host:port",
    )
    .optional(),
  environment: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits, dots, dashes or underscores")
    .optional(),
  ttl: z.number().int().positive().optional(),
  feed: z
    .strictObject({
      source: z.enum(["postgres", "events"]).optional(),
      install: z.enum(["migrate", "start"]).optional(),
      databaseUrl: z
        .string()
        .regex(/^postgres(ql)?:\/\/./, "must look like postgres://…")
        .optional(),
    })
    .optional(),
  sample: z.number().min(0).max(1).optional(),
  http: z
    .union([
      z.literal(false),
      z.strictObject({
        routes: z.array(route).optional(),
        surrogateKeys: z.enum(["surrogate-key", "cache-tag", "edge-cache-tag", "cdn-tag"]).optional(),
        accessLog: z.boolean().optional(),
        stockTtl: milliseconds.optional(),
        customerGroups: z.boolean().optional(),
        honorNoCache: z.boolean().optional(),
      }),
    ])
    .optional(),
  memory: z.strictObject({ maxBytes: z.number().int().min(1_048_576, "must be at least 1 MiB") }).optional(),
})

export interface FeedOptions {
  /**
   * Where changes are heard: `postgres`, from triggers, whoever commits; `events`, from Medusa's events, for a database
   * in which triggers are not allowed. Default `postgres`.
   */
  source?: "postgres" | "events" | undefined
  /** When the triggers are made: by `medusa db:migrate`, or also whenever a process starts. Default `migrate`. */
  install?: "migrate" | "start" | undefined
  /** Of a direct connection, when the store's own goes through a pooler such as PgBouncer. */
  databaseUrl?: string | undefined
}

export interface HttpOptions {
  /** Beside the table of routes that are cached, or over it. */
  routes?: RouteOptions[] | undefined
  /** The header by which your CDN knows what an answer depends on. Default none. */
  surrogateKeys?: "surrogate-key" | "cache-tag" | "edge-cache-tag" | "cdn-tag" | undefined
  /**
   * Whether who signed in, or has a cookie, is answered from what is kept for his customer groups. Only where no middleware
   * of yours makes of a customer more than his groups. Default false.
   */
  customerGroups?: boolean | undefined
  /**
   * Whether `Cache-Control: no-cache` and `no-store` of a request are followed (RFC 9111 §5.2.1): the first has its answer rendered
   * anew for all, the second for itself. Default false: whoever sends them could make the store work as if there were no cache.
   */
  honorNoCache?: boolean | undefined
  /** How long answers that show stock may be kept, in milliseconds. Default: not at all. */
  stockTtl?: number | undefined
  /** Whether hits are written to Medusa's access log. Default true, where Medusa logs requests. */
  accessLog?: boolean | undefined
}

export interface PegasusOptions {
  /**
   * Redis or Valkey, the tier all processes share: `redis://…`, behind Sentinel `redis+sentinel://…`, a cluster
   * `redis+cluster://…` (see `connect`). Without it the cache lives in this process alone.
   */
  redisUrl?: string | undefined
  /**
   * Keeps stores that share a Redis apart. All processes of one store must agree on it. Default: derived
   * from the host, port and name of the store's database.
   */
  environment?: string | undefined
  /** How long an entry lives when the caller does not say, in milliseconds. Default 3,600,000 (one hour). */
  ttl?: number | undefined
  /** How the cache hears what changed. */
  feed?: FeedOptions | undefined
  /**
   * Of the hits, how many are loaded anew and compared with what would have been answered, 0 to 1. Default 0.
   * A thousandth is proof enough in production.
   */
  sample?: number | undefined
  /** The HTTP cache: answers to readers of the catalogue. `false` switches it off. */
  http?: HttpOptions | false | undefined
  /** The memory tier. Default 256 MiB. */
  memory?: { /** In bytes. */ maxBytes: number } | undefined
}

/** @throws PegasusError PEGASUS_OPTIONS_INVALID naming every option that is wrong */
export function checkOptions(input: unknown): PegasusOptions {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const wrong = result.error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") return `unknown option ${issue.keys.map(quoted).join(", ")}`
    return `${quoted(issue.path.join("."))} ${issue.message}`
  })
  throw new PegasusError(
    "PEGASUS_OPTIONS_INVALID",
    `withPegasus: ${wrong.join("; ")}.`,
    `Correct it in medusa-config.ts. Known options: ${Object.keys(schema.shape).join(", ")}.`,
    result.error,
  )
}

function isRedisAddress(text: string): boolean {
  try {
    parseAddress(text)
    return true
  } catch {
    return false
  }
}

const quoted = (name: string) => `"${name}"`
