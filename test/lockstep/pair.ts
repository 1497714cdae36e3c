/** Two stores on equal databases, one that caches nothing and one with Pegasus: each is asked the same, and must say the same. */
import { need } from "../../demo/run/services"
import { firstDifference, normalise } from "../../src/bench/normalise"
import { withClient } from "../../src/feed"
import { adminTokenOf, ask, bearer, parsed } from "../support/ask"
import { copyOfDemo } from "../support/demo-database"
import { type Ready, startStore } from "../support/store"

// biome-ignore lint/suspicious/noExplicitAny: what a store answers
export type Body = any

/** The same said to each store with what is its own: its ids, its tokens. */
export type Ask = (mine: Mine) => { method: string; path: string; body?: object; token?: string | undefined }

/** What a flow remembers of one store. */
export interface Mine {
  ready: Ready
  adminToken: string
  /** Ids of what was made, and tokens, by names. */
  known: Record<string, string>
}

export class Difference extends Error {}

export interface Pair {
  first: Mine
  /** @returns what the first store answered, and each store's own answer. @throws Difference */
  ask(what: string, ask: Ask): Promise<{ status: number; answers: [Body, Body]; stores: [Mine, Mine] }>
  /** The same statement in both databases. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Begins another shopper: what was known is forgotten. */
  forget(): void
  close(): Promise<void>
}

const id = /\b([a-z]+(?:_[a-z]+)*)_[0-9A-HJKMNP-TV-Z]{26}\b/g

export async function openPair(): Promise<Pair> {
  const services = await need(["redis"])
  const databases = [await copyOfDemo("pegasus_lockstep_a"), await copyOfDemo("pegasus_lockstep_b")]
  const [one, other] = databases.map(({ url }) => url) as [string, string]
  // Each has a Redis database of its own: where modules are on Redis, they are not two processes of one store.
  const open = async (mode: string, url: string, number: number) =>
    startStore(["--cache", mode, "--database-url", url, "--redis-url", `${services.urls.redis}/${number}`])
  const started = await Promise.all([open("off", one, 1), open("pegasus", other, 2)])
  const stores = (await Promise.all(
    started.map(async ({ ready }) => ({ ready, adminToken: await adminTokenOf(ready), known: {} })),
  )) as [Mine, Mine]
  return {
    first: stores[0],
    ask: async (what, asked) => {
      const given = await Promise.all(
        stores.map((mine) => {
          const { token, ...request } = asked(mine)
          return ask(mine.ready, { ...request, headers: token === undefined ? {} : bearer(token) })
        }),
      )
      const [left, right] = given.map(({ status, text }) => ({ status, body: parsed(withoutIds(text)) }))
      // In a list, so that those within are in no order: nobody asks PostgreSQL for one.
      const difference = firstDifference(normalise([left]), normalise([right]))
      if (difference) throw new Difference(`${what}: ${difference}`)
      const answers = given.map(({ text }) => parsed(text)) as [Body, Body]
      return { status: left!.status, answers, stores }
    },
    sql: async (text, values) => {
      const results = await Promise.all([one, other].map((url) => query(url, text, values)))
      return results[0]!
    },
    forget: () => {
      for (const store of stores) store.known = {}
    },
    close: async () => {
      await Promise.all(started.map(({ stop }) => stop()))
      for (const database of databases) await database.drop()
      await services.release()
    },
  }
}

async function query(url: string, text: string, values: unknown[] = []) {
  const { rows } = await withClient({ connectionString: url }, undefined, (client) =>
    client.query(text, values),
  )
  return rows as Record<string, unknown>[]
}

/** A token says who it is for, and until when. */
const withoutIds = (text: string) => text.replace(id, "$1").replace(/"token":"[^"]*"/, '"token":""')
