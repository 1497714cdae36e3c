/**
 * The demo store: stock Medusa in every respect but one, where answers are cached.
 * PEGASUS_DEMO_CACHE chooses: "off" no caching, "medusa" Medusa's own Caching Module on Redis,
 * "pegasus" ours. All else is equal, so a difference in a measurement is a difference of the cache.
 * PEGASUS_DEMO_MODULES chooses where events, workflows and locks are: "memory", or "redis" as in stores of several processes.
 */
import { defineConfig } from "@medusajs/framework/utils"
import { withPegasus } from "medusa-pegasus"

const redisUrl = process.env.PEGASUS_DEMO_REDIS_URL!
/** For measuring what hearing costs. */
const feedSource = process.env.PEGASUS_DEMO_FEED as "postgres" | "events" | undefined

const store = {
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL!,
    http: {
      storeCors: "http://localhost:8000",
      adminCors: "http://localhost:9000",
      authCors: "http://localhost:8000,http://localhost:9000",
      jwtSecret: "demo-jwt-secret-not-for-production",
      cookieSecret: "demo-cookie-secret-not-for-production",
    },
  },
  admin: { disable: true },
  featureFlags: { translation: true },
  modules: [
    { resolve: "./src/modules/brand" },
    { resolve: "@medusajs/medusa/translation" },
    ...(process.env.PEGASUS_DEMO_MODULES === "redis" ? modulesOnRedis() : []),
  ],
}

function modulesOnRedis() {
  const locks = "@medusajs/medusa/locking-redis"
  const providers = [{ id: "locking-redis", resolve: locks, is_default: true, options: { redisUrl } }]
  return [
    { resolve: "@medusajs/medusa/event-bus-redis", options: { redisUrl } },
    { resolve: "@medusajs/medusa/workflow-engine-redis", options: { redis: { redisUrl } } },
    { resolve: "@medusajs/medusa/locking", options: { providers } },
  ]
}

const modes = {
  off: () => defineConfig(store),
  medusa: () =>
    defineConfig({
      ...store,
      featureFlags: { ...store.featureFlags, caching: true },
      modules: [
        ...store.modules,
        {
          resolve: "@medusajs/medusa/caching",
          options: {
            providers: [
              {
                id: "caching-redis",
                resolve: "@medusajs/caching-redis",
                is_default: true,
                options: { redisUrl },
              },
            ],
          },
        },
      ],
    }),
  pegasus: () =>
    withPegasus(defineConfig(store), {
      redisUrl,
      feed: { install: "start", source: feedSource, databaseUrl: process.env.PEGASUS_DEMO_FEED_URL },
      http: { customerGroups: true },
    }),
}

export default modes[(process.env.PEGASUS_DEMO_CACHE ?? "off") as keyof typeof modes]()
