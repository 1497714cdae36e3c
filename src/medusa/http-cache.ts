/**
 * The HTTP cache in a store: where it hears requests, what it is told of who asks, and what a hit leaves in the access log.
 *
 * Two seams. Node tells of each request before the server hears of it; the server that Medusa made
 * (utils/dist/common/graceful-shutdown-server.js, 2.21.2) is known by its property, and its listener is from then on asked after
 * the cache. Should it look otherwise one day, it is known from the first request that reaches our middleware. And the middleware itself, which without a method runs after the
 * key and the identity are known and before the route's own (framework/dist/http/router.js:70-106, 2.21.2).
 */
import { channel } from "node:diagnostics_channel"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { MedusaNextFunction, MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import type { Logger } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules, parseCorsOrigins } from "@medusajs/framework/utils"
import type { Cache } from "../engine"
import {
  AccessLog,
  type Asker,
  crossOriginOf,
  policiesOf,
  type Read,
  RenderingFront,
  surrogateHeaders,
} from "../http"
import { nameOfTag } from "../tracking"
import type { Freshness } from "./freshness"
import type { HttpOptions } from "./options"

export interface HttpCacheOptions {
  cache: Cache
  freshness: Freshness
  http: HttpOptions
  /** Medusa's `projectConfig.http.storeCors`. */
  storeCors: string
  logger: Logger
}

const requestStart = channel("http.server.request.start")

export class HttpCache {
  private readonly front: RenderingFront
  private readonly servers = new WeakSet<Server>()
  private readonly hear = (message: unknown) => {
    const { server } = message as { server: Server }
    if ("isShuttingDown" in server) this.attach(server)
  }

  constructor({ cache, freshness, http, storeCors, logger }: HttpCacheOptions) {
    const log = http.accessLog === false || !logsRequests(logger) ? undefined : new AccessLog()
    this.front = new RenderingFront({
      cache,
      policies: policiesOf(http.routes),
      track: (key, run) => track(freshness, http.stockTtl, key, run),
      crossOrigin: crossOriginOf(parseCorsOrigins(storeCors)),
      surrogate: http.surrogateKeys && surrogateHeaders[http.surrogateKeys],
      nameOf: nameOfTag,
      knowsPeople: http.customerGroups,
      honorsNoCache: http.honorNoCache,
      onHit: log && ((req, status) => log.hit(req, status)),
      onVary: (route, header) =>
        logger.warn(
          `Pegasus: answers of ${route} depend on the request header ${header}; they are kept apart by it. Name it in http.routes[].headers to say that you know.`,
        ),
    })
    requestStart.subscribe(this.hear)
  }

  close(): void {
    requestStart.unsubscribe(this.hear)
  }

  /** From now on the server asks the cache before Express. */
  attach(server: Server): void {
    if (this.servers.has(server)) return
    this.servers.add(server)
    requestStart.unsubscribe(this.hear)
    const [express] = server.listeners("request")
    if (!express) return
    server.removeListener("request", express as () => void)
    server.on("request", (req: IncomingMessage, res: ServerResponse) => {
      this.front.handle(req, res, () => express.call(server, req, res))
    })
  }

  waitsWithin(req: MedusaRequest): boolean {
    return this.front.waitsWithin(req)
  }

  handleWithin(req: Identified, res: MedusaResponse, next: () => void, asker: Asker): void {
    const { auth_context: who } = req
    if (who) {
      // What a token says of a person beside who he is.
      const get = (known: object, name: string | symbol) => {
        if (typeof name === "string" && !name.startsWith("actor_")) this.front.notePersonal(req)
        return Reflect.get(known, name)
      }
      req.auth_context = new Proxy(who, { get })
    }
    this.front.handleWithin(req, res, next, asker)
  }
}

type Identified = MedusaRequest & {
  auth_context?: { actor_id?: string }
  publishable_key_context?: { sales_channel_ids: string[] }
  session?: object
}

/** Answers those of whom it is known who they are, and shows the cache the server. */
export async function answerWithin(
  req: Identified,
  res: MedusaResponse,
  next: MedusaNextFunction,
): Promise<void> {
  const caching = req.scope.resolve(Modules.CACHING, { allowUnregistered: true }) as
    | { http?: HttpCache }
    | undefined
  const http = caching?.http
  http?.attach((req.socket as unknown as { server: Server }).server)
  const asker = http?.waitsWithin(req) ? await askerOf(req).catch(() => undefined) : undefined
  if (http && asker) http.handleWithin(req, res, next, asker)
  else next()
}

/**
 * What of a customer shapes what the catalogue says to him: his groups
 * (medusa/dist/api/utils/middlewares/products/set-pricing-context.js:39, 2.21.2). A store may look at more: what it keeps in a
 * session, or what it reads by the customer's id, makes an answer his alone.
 */
async function askerOf(req: Identified): Promise<Asker | undefined> {
  const { auth_context: who, publishable_key_context: key, session = {} } = req
  if (Object.keys(session).some((name) => !ofMedusa.has(name))) return undefined
  const salesChannels = key?.sales_channel_ids ?? []
  const person = who?.actor_id
  if (!person) return { salesChannels, customerGroups: undefined, isPersonal: () => false }
  const query = req.scope.resolve(ContainerRegistrationKeys.QUERY)
  const { data } = await query.graph({
    entity: "customer_group",
    fields: ["id"],
    filters: { customers: { id: person } } as never,
  })
  const his = `=${nameOfTag(person)}`
  const isPersonal = (tags: readonly string[]) =>
    tags.some((tag) => tag.endsWith(his) && !tag.startsWith("db:customer_group"))
  return { salesChannels, customerGroups: data.map(({ id }) => id as string), isPersonal }
}

/** What Medusa keeps in a session (framework/dist/http/middlewares/authenticate-middleware.js, 2.21.2). */
const ofMedusa = new Set(["cookie", "auth_context"])

async function track<T>(
  freshness: Freshness,
  stockTtl: number | undefined,
  key: string,
  run: () => Promise<T>,
): Promise<{ value: T; read: Read | string }> {
  return freshness.within(async () => {
    const reading = freshness.begin(key)
    const value = await run()
    const kept = await freshness.end(key, stockTtl)
    const untold = () => `nobody tells when ${[...reading.untold].join(", ")} change`
    return { value, read: kept?.isWhole ? kept : (reading.opaque ?? untold()) }
  })
}

function logsRequests(logger: Logger): boolean {
  const { NODE_ENV: mode } = process.env
  return mode !== "test" && (logger as { shouldLog?(level: string): boolean }).shouldLog?.("http") === true
}
