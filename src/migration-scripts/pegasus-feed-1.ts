import type { MedusaContainer } from "@medusajs/framework/types"
import { Modules } from "@medusajs/framework/utils"
import type { CachingModuleService } from "../medusa/caching-module"

/** Run once by `medusa db:migrate`, after all tables are there. Another name for other triggers. */
export default async function pegasusFeed({ container }: { container: MedusaContainer }): Promise<void> {
  const caching = container.resolve(Modules.CACHING, { allowUnregistered: true }) as
    | Partial<CachingModuleService>
    | undefined
  await caching?.installFeed?.()
}
