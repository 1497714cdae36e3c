/**
 * A program: tells who started it what a store's own configuration says of it. A process of its own, because the configuration
 * loads much of Medusa, which would weigh on whoever wants to know.
 *
 * The seam: the connection that Medusa makes of it (framework/dist/database/pg-connection-loader.js, 2.21.2).
 */
import { parseCorsOrigins } from "@medusajs/framework/utils"
import type { ClientConfig } from "pg"
import { PegasusError } from "../engine"
import { withClient } from "../feed"
import type { StoreDescription } from "../proxy"
import { defaultEnvironment } from "./environment"
import { listeningOn } from "./freshness"
import { loadConfig } from "./store-config"
import type { CachingModuleOptions } from "./with-pegasus"

interface MedusaConfig {
  projectConfig?: {
    databaseUrl?: string
    databaseSchema?: string
    databaseDriverOptions?: {
      ssl?: ClientConfig["ssl"]
      connection?: { ssl?: ClientConfig["ssl"] }
      dynamicPassword?: unknown
    }
    http?: { storeCors?: string }
  }
  modules?: { caching?: { options?: Partial<CachingModuleOptions> } }
}

/**
 * @param folder where `medusa start` runs, or the project above it
 * @throws PegasusError PEGASUS_STORE_NOT_FOUND, PEGASUS_CONFIG_INVALID, PEGASUS_PROXY_UNFIT; what the configuration and the database throw
 */
async function describe(folder: string): Promise<StoreDescription> {
  const { projectConfig = {}, modules } = await loadConfig<MedusaConfig>(folder)
  const {
    databaseUrl,
    databaseSchema: schema = "public",
    databaseDriverOptions: driver,
    http,
  } = projectConfig
  const options = modules?.caching?.options?.pegasus
  if (databaseUrl === undefined) {
    throw new PegasusError(
      "PEGASUS_CONFIG_INVALID",
      "medusa-config names no databaseUrl.",
      "Set the environment as for medusa start.",
    )
  }
  if (options === undefined) {
    throw new PegasusError(
      "PEGASUS_CONFIG_INVALID",
      "The store does not use Pegasus.",
      "Write withPegasus(defineConfig({ … }), { … }) in medusa-config.",
    )
  }
  if (driver?.dynamicPassword !== undefined) {
    throw new PegasusError(
      "PEGASUS_PROXY_UNFIT",
      "The store's database has a password that is made by a function.",
      "Run without the proxy; it connects by databaseUrl alone.",
    )
  }
  const ssl = driver?.ssl ?? driver?.connection?.ssl ?? false
  const connection = { connectionString: databaseUrl, ssl }
  const environment =
    options.environment ??
    (await withClient(connection, schema, (client) =>
      defaultEnvironment({ raw: (sql) => client.query(sql) }),
    ))
  const origins = parseCorsOrigins(http?.storeCors ?? "")
  return { connection: listeningOn(connection, options.feed ?? {}), schema, environment, origins, options }
}

describe(process.argv[2]!)
  .then((description) => process.send!({ description }))
  .catch((error: unknown) =>
    process.send!({ failure: error instanceof Error ? error.message : String(error) }),
  )
