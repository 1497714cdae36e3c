/** A program: tells who started it the settings of a store, as the doctor looks at them. */
import type { StoreSettings } from "../doctor"
import { loadConfig } from "./store-config"

interface MedusaConfig {
  projectConfig?: {
    databaseUrl?: string
    redisUrl?: string
    workerMode?: string
    databaseDriverOptions?: { pool?: { min?: number; max?: number } }
    sessionOptions?: { dynamodbOptions?: unknown }
    http?: { compression?: { enabled?: boolean }; jwtSecret?: unknown; cookieSecret?: unknown }
  }
  modules?: Record<
    string,
    { resolve?: unknown; options?: { providers?: { resolve?: unknown }[] } } | false | undefined
  >
}

const knownSecret = "supersecret"

async function describe(folder: string): Promise<StoreSettings> {
  const { projectConfig = {}, modules = {} } = await loadConfig<MedusaConfig>(folder)
  const {
    databaseUrl,
    redisUrl,
    workerMode,
    databaseDriverOptions,
    sessionOptions,
    http = {},
  } = projectConfig
  const { pool } = databaseDriverOptions ?? {}
  const known = Object.entries(modules).flatMap(([name, module]) =>
    module
      ? [
          [
            name,
            {
              resolve: String(module.resolve),
              providers: (module.options?.providers ?? []).map(({ resolve }) => String(resolve)),
            },
          ],
        ]
      : [],
  )
  return {
    ...(databaseUrl !== undefined && { databaseUrl }),
    hasRedisUrl: Boolean(redisUrl),
    modules: Object.fromEntries(known),
    ...(pool && {
      pool: {
        ...(pool.min !== undefined && { min: pool.min }),
        ...(pool.max !== undefined && { max: pool.max }),
      },
    }),
    ...(workerMode !== undefined && { workerMode }),
    compresses: http.compression?.enabled === true,
    hasKnownSecret: [http.jwtSecret, http.cookieSecret].includes(knownSecret),
    keepsSessionsElsewhere: sessionOptions?.dynamodbOptions !== undefined,
  }
}

describe(process.argv[2]!)
  .then((description) => process.send!({ description }))
  .catch((error: unknown) =>
    process.send!({ failure: error instanceof Error ? error.message : String(error) }),
  )
