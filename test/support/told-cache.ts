/** A cache as a store has it: in this process, told what the database commits. */
import type { Knex } from "knex"
import { type Cache, createCache } from "../../src/engine"
import { type Database, Freshness } from "../../src/medusa/freshness"
import { memory } from "./caches"

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined } as never

export interface ToldCache {
  cache: Cache
  freshness: Freshness
  close(): Promise<void>
}

/** @param shared the connection on which loads are tracked */
export async function toldCache(shared: Knex): Promise<ToldCache> {
  let freshness: Freshness | undefined
  const witness = { trusted: (now: number) => freshness?.trusted(now) === true }
  const cache = createCache({ prefix: "told", memory, witness })
  freshness = await Freshness.begin({
    database: shared as unknown as Database,
    feed: { install: "start" },
    logger: silent,
    invalidate: (tags) => void cache.invalidate({ tags }),
    forgetAll: () => void cache.clear(),
    capture: () => cache.capture(),
  })
  freshness.isMedusas = (table) => !/^own_/.test(table)
  const close = async () => {
    await freshness.close()
    await cache.close()
  }
  return { cache, freshness, close }
}
