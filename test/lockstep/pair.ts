/** Two stores on equal databases, one that caches nothing and one with Pegasus: each is asked the same, and must say the same. */
import { fillDatabase } from "../../demo/run/database"
import { need } from "../../demo/run/services"
import { firstDifference, normalise } from "../../src/bench/normalise"
import { withClient } from "../../src/feed"
import { createDatabase } from "../support/database"
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
  const databases = [await createDatabase("pegasus_lockstep_a"), await createDatabase("pegasus_lockstep_b")]
  const [one, other] = databases.map(({ url }) => url) as [string, string]
  await fillDatabase(one, 20, new AbortController().signal)
  await copyDatabase(one, other)
  const open = async (mode: string, url: string) =>
    startStore(["--cache", mode, "--database-url", url, "--redis-url", services.urls.redis])
  const started = [await open("off", one), await open("pegasus", other)]
  const stores = (await Promise.all(started.map(({ ready }) => signIn(ready)))) as [Mine, Mine]
  return {
    first: stores[0],
    ask: async (what, ask) => {
      const given = await Promise.all(stores.map((mine) => send(mine, ask(mine))))
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

/** The first, made anew as the second. Both were made empty by `createDatabase`. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const [source, target] = [from, to].map((url) => new URL(url).pathname.slice(1))
  const admin = new URL(from)
  admin.pathname = "/postgres"
  await query(admin.href, `drop database ${target} with (force)`)
  await query(
    admin.href,
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()",
    [source],
  )
  await query(admin.href, `create database ${target} template ${source}`)
}

async function signIn(ready: Ready): Promise<Mine> {
  const mine: Mine = { ready, adminToken: "", known: {} }
  const { adminEmail: email, adminPassword: password } = ready
  const { text } = await send(mine, {
    method: "POST",
    path: "/auth/user/emailpass",
    body: { email, password },
  })
  mine.adminToken = parsed(text).token
  return mine
}

async function send({ ready }: Mine, { method, path, body, token }: ReturnType<Ask>) {
  const response = await fetch(`${ready.url}${path}`, {
    method,
    headers: {
      "x-publishable-api-key": ready.publishableKey,
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text() }
}

/** A token says who it is for, and until when. */
const withoutIds = (text: string) => text.replace(id, "$1").replace(/"token":"[^"]*"/, '"token":""')
const parsed = (text: string): Body => (text === "" ? {} : JSON.parse(text))
