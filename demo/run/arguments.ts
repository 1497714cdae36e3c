/** The options of `npm run store`. */
import { parseArgs } from "node:util"
import { DemoError } from "./errors"

export const cacheModes = ["off", "medusa", "pegasus"] as const
export type CacheMode = (typeof cacheModes)[number]

export const modulePlaces = ["memory", "redis"] as const
export type ModulePlace = (typeof modulePlaces)[number]

export interface StoreOptions {
  cache: CacheMode
  /** Where Medusa's events, workflows and locks are; stores of several processes have them in Redis. */
  modules: ModulePlace
  port: number | undefined
  products: number
  /** Past orders of a store that has grown; it has the faults of one, too. 0: a store as it was filled. */
  orders: number
  databaseUrl: string | undefined
  redisUrl: string | undefined
  /** Milliseconds. */
  dbRtt: number
  /** Whether `pegasus proxy` stands before it. */
  proxy: boolean
}

const usage = `Options: --cache off|medusa|pegasus [--port N] [--products N] [--orders N] [--database-url URL] [--redis-url URL] [--db-rtt MS] [--modules memory|redis] [--proxy]`

/** @throws DemoError DEMO_ARGUMENTS */
export function parseArguments(args: string[], env = process.env): StoreOptions {
  const values = parse(args)
  const cache = values.cache as CacheMode | undefined
  if (!cache || !cacheModes.includes(cache)) {
    throw wrong(`--cache must be one of ${cacheModes.join(", ")}${cache ? `, not "${cache}"` : ""}.`)
  }
  const modules = (values.modules ?? env.PEGASUS_STORE_MODULES ?? "memory") as ModulePlace
  if (!modulePlaces.includes(modules)) {
    throw wrong(`--modules must be one of ${modulePlaces.join(", ")}, not "${modules}".`)
  }
  if (values.proxy && cache !== "pegasus") throw wrong(`--proxy needs --cache pegasus, not "${cache}".`)
  return {
    cache,
    modules,
    port: values.port === undefined ? undefined : wholeNumber("port", values.port, 1, 65_535),
    products: wholeNumber("products", values.products ?? "500", 1, 1_000_000),
    orders: values.orders === undefined ? 0 : wholeNumber("orders", values.orders, 100, 10_000_000),
    databaseUrl: url("database-url", values["database-url"], ["postgres:", "postgresql:"]),
    redisUrl: url("redis-url", values["redis-url"] ?? env.REDIS_URL, ["redis:", "rediss:"]),
    dbRtt: wholeNumber("db-rtt", values["db-rtt"] ?? "0", 0, 1_000),
    proxy: values.proxy ?? false,
  }
}

function parse(args: string[]) {
  const text = { type: "string" } as const
  try {
    return parseArgs({
      args,
      options: {
        cache: text,
        port: text,
        products: text,
        orders: text,
        "database-url": text,
        "redis-url": text,
        "db-rtt": text,
        modules: text,
        proxy: { type: "boolean" },
      },
    }).values
  } catch (error) {
    throw wrong((error as Error).message)
  }
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw wrong(`--${name} must be a whole number from ${least} to ${most}, not "${text}".`)
}

function url(name: string, text: string | undefined, protocols: string[]): string | undefined {
  if (!text) return undefined
  const valid = URL.canParse(text) && protocols.includes(new URL(text).protocol)
  if (valid) return text
  throw wrong(`--${name} must start with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}.`)
}

function wrong(message: string): DemoError {
  return new DemoError("DEMO_ARGUMENTS", message, usage, 2)
}
