/**
 * The cart path: what a shopper's requests need not do. Each seam checks that Medusa is as it was read, and leaves it as it is
 * otherwise. What they read of the catalogue is the business of module-reads.ts.
 */
import { MedusaModule } from "@medusajs/framework/modules-sdk"
import type { Logger } from "@medusajs/framework/types"
import { Modules } from "@medusajs/framework/utils"
import { spareCheckpoints } from "./checkpoints"
import type { Database, Freshness } from "./freshness"
import { cheapenFunctions } from "./pure-functions"
import { spareFinds } from "./repeated-finds"
import { type Locking, spareRepeats } from "./repeated-statements"

export interface CartPathOptions {
  database: Database
  freshness: Freshness
  logger: Pick<Logger, "warn">
}

export function shortenCartPath({ database, freshness, logger }: CartPathOptions): void {
  const locking = MedusaModule.getModuleInstance(Modules.LOCKING)?.[Modules.LOCKING] as unknown
  const aside = [
    ...(spareRepeats(database, locking as Locking | undefined, freshness) ? [] : ["repeated statements"]),
    ...(spareFinds(freshness) ? [] : ["repeated finds"]),
    ...(spareCheckpoints() ? [] : ["checkpoints"]),
    ...cheapenFunctions(),
  ]
  if (aside.length === 0) return
  logger.warn(
    `Pegasus: this Medusa is not as expected; left as they are: ${aside.join(", ")}. Carts are slower than they could be.`,
  )
}
