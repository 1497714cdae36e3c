/** A loader of the caching module: finds the store's environment before the service is made. */
import type { LoaderOptions } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"
import { type Database, defaultEnvironment } from "./environment"
import type { CachingModuleOptions } from "./with-pegasus"

export async function nameEnvironment({ container, options }: LoaderOptions): Promise<void> {
  const { pegasus } = options as unknown as CachingModuleOptions
  const database = container.resolve(ContainerRegistrationKeys.PG_CONNECTION) as unknown as Database
  const environment = pegasus.environment ?? (await defaultEnvironment(database))
  container.register({ pegasusEnvironment: { resolve: () => environment } })
}
