/** What a store's own configuration says of its speed in production: looked at without a database. */
import type { Finding } from "./check"

/** As plain data: read by a process of its own, which loads the configuration. */
export interface StoreSettings {
  databaseUrl?: string
  hasRedisUrl: boolean
  /** The package or file of each module, by Medusa's name of it. */
  modules: Record<string, { resolve: string; providers: string[] }>
  pool?: { min?: number; max?: number }
  workerMode?: string
  compresses: boolean
  /** Whether http.jwtSecret or http.cookieSecret is the one that everybody knows. */
  hasKnownSecret: boolean
  /** Whether sessions are kept in DynamoDB. */
  keepsSessionsElsewhere: boolean
}

interface Rule {
  subject: string
  severity: Finding["severity"]
  isBroken(settings: StoreSettings): boolean
  what: string
  why: string
  /** For medusa-config. */
  lines: string
}

const isLocal = ({ modules }: StoreSettings, name: string, local: RegExp) => {
  const known = modules[name]
  return known === undefined || local.test(known.resolve)
}

/** Medusa 2.21.2: the modules that a configuration has when it names no others (define-config.js). */
const rules: readonly Rule[] = [
  {
    subject: "event_bus",
    severity: "warning",
    isBroken: (settings) => isLocal(settings, "event_bus", /event-bus-local/),
    what: "Events stay in the process in which they happen.",
    why: "With two processes, or a worker, subscribers do not hear what another did; with a restart what waits is lost.",
    lines: `{ resolve: "@medusajs/medusa/event-bus-redis", options: { redisUrl: process.env.REDIS_URL } }`,
  },
  {
    subject: "workflows",
    severity: "warning",
    isBroken: (settings) => isLocal(settings, "workflows", /workflow-engine-inmemory/),
    what: "Workflows are kept in the memory of one process.",
    why: "A checkout that waits, or one that must be undone, is lost with the process; scheduled jobs run in each process.",
    lines: `{ resolve: "@medusajs/medusa/workflow-engine-redis", options: { redis: { redisUrl: process.env.REDIS_URL } } }`,
  },
  {
    subject: "locking",
    severity: "warning",
    isBroken: ({ modules }) => !modules.locking?.providers.length,
    what: "Locks hold in one process only.",
    why: "Two processes complete the same cart, or reserve the same last piece, at once.",
    lines: `{ resolve: "@medusajs/medusa/locking", options: { providers: [{ id: "locking-redis", resolve: "@medusajs/medusa/locking-redis", is_default: true, options: { redisUrl: process.env.REDIS_URL } }] } }`,
  },
  {
    subject: "sessions",
    severity: "warning",
    isBroken: ({ hasRedisUrl, keepsSessionsElsewhere }) => !hasRedisUrl && !keepsSessionsElsewhere,
    what: "Sessions are kept in the memory of one process.",
    why: "Behind a load balancer an admin is signed out with every other request, and the memory grows.",
    lines: "projectConfig: { redisUrl: process.env.REDIS_URL }",
  },
  {
    subject: "caching",
    severity: "warning",
    isBroken: ({ modules }) => modules.caching === undefined,
    what: "Nothing is cached.",
    why: "Every page of the catalogue is made anew for every shopper.",
    lines: "module.exports = withPegasus(defineConfig({ … }), { redisUrl: process.env.REDIS_URL })",
  },
  {
    subject: "worker mode",
    severity: "note",
    isBroken: ({ workerMode }) => workerMode === undefined || workerMode === "shared",
    what: "The same process answers shoppers and does the work of the background.",
    why: "An import or a sync takes the processor from every request meanwhile.",
    lines: `projectConfig: { workerMode: process.env.MEDUSA_WORKER_MODE } // "server" in some processes, "worker" in another`,
  },
  {
    subject: "pool",
    severity: "note",
    isBroken: ({ pool }) => pool?.max === undefined,
    what: "The size of the connection pool is left to the default: 10 a process.",
    why: "A checkout asks many statements side by side; with few connections they queue, with many processes the server runs out of them.",
    lines: "projectConfig: { databaseDriverOptions: { pool: { min: 2, max: 20 } } }",
  },
  {
    subject: "compression",
    severity: "note",
    isBroken: ({ compresses, modules }) => !compresses && !/pegasus/.test(modules.caching?.resolve ?? ""),
    what: "Answers are sent as they are.",
    why: "A product list is some hundred kilobytes of JSON, and a tenth of it compressed. Do it here, in a proxy or a CDN.",
    lines: "projectConfig: { http: { compression: { enabled: true } } }",
  },
  {
    subject: "secrets",
    severity: "critical",
    isBroken: ({ hasKnownSecret }) => hasKnownSecret,
    what: "Tokens are signed with the secret that everybody knows.",
    why: "Anyone can sign in as anyone.",
    lines:
      "projectConfig: { http: { jwtSecret: process.env.JWT_SECRET, cookieSecret: process.env.COOKIE_SECRET } }",
  },
]

export function examineSettings(settings: StoreSettings): Finding[] {
  return rules
    .filter((rule) => rule.isBroken(settings))
    .map(({ subject, severity, what, why, lines }) => ({
      check: "settings",
      severity,
      subject,
      what,
      why,
      evidence: {},
      lines,
    }))
}
