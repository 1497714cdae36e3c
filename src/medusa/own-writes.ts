/**
 * Who writes reads what he wrote: the answer to a request that changed the database leaves when this process has
 * been told of the change, so that the next read through it is not answered from before. And a shopper's request may, until
 * it writes, read what is kept of the catalogue.
 *
 * The seam: a middleware without a method runs after the key and the identity are known and before the route's own
 * (framework/dist/http/router.js:70-106, 2.21.2). As express-session does, it holds back `end`. A proxy that asks
 * whether the request wrote is told, and waits in its turn.
 */
import type { MedusaNextFunction, MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { Modules } from "@medusajs/framework/utils"
import { wroteHeader } from "../proxy"
import type { Request } from "../tracking"
import type { EarlyRequests } from "./early-requests"
import type { Freshness } from "./freshness"
import { aboutOf } from "./kinds-of-requests"

/** Where money is made: what is kept of the catalogue is first proven to be what is committed. */
const completion = /^\/store\/carts\/[^/]+\/complete\b/
const reading = new Set(["GET", "HEAD", "OPTIONS"])

export function ownWrites(req: MedusaRequest, res: MedusaResponse, next: MedusaNextFunction): void {
  const caching = req.scope.resolve(Modules.CACHING, { allowUnregistered: true }) as
    | { ownWrites?: Freshness; early?: EarlyRequests }
    | undefined
  const freshness = caching?.ownWrites
  const isRead = reading.has(req.method)
  const isShopper = req.originalUrl.startsWith("/store/")
  if (!freshness || (isRead && !isShopper)) {
    next()
    return
  }
  const about = isShopper ? aboutOf(req) : {}
  const run = (request: Request) => {
    request.isRead = isRead
    res.once("close", () =>
      freshness.answeredTo(request, about, res.statusCode < 400 && res.writableFinished),
    )
    if (isRead) {
      next()
      return
    }
    const end = res.end.bind(res) as (...given: unknown[]) => MedusaResponse
    res.end = (...given: unknown[]) => {
      if (!request.wrote) return end(...given)
      if (req.headers[wroteHeader] !== undefined && !res.headersSent) res.setHeader(wroteHeader, "1")
      void freshness.settle(request).finally(() => end(...given))
      return res
    }
    if (completion.test(req.originalUrl)) prove(request, freshness)
    next()
  }
  const early = isShopper ? caching?.early?.arrived(req, about) : undefined
  freshness.request(isShopper, run, about, early)
}

/** What is read until that is known is asked of the database. */
function prove(request: Request, freshness: Freshness): void {
  request.recalls = false
  freshness.settled().then(
    (isSettled) => {
      // One that was answered meanwhile has no repeats.
      request.recalls = isSettled && request.repeats !== undefined
    },
    () => undefined,
  )
}
