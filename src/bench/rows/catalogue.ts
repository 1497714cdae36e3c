import { z } from "zod"
import { Client } from "../client"
import { BenchError, WrongAnswer } from "../errors"
import type { Store } from "../store"
import { readJson } from "./flow"
import { pageSize } from "./table"

/** A product all the stores have: its id in each, by the store's label. */
export type Product = Record<string, string>

export interface Catalogue {
  /** How many products each store has in all, by its label. */
  sizes: Record<string, number>
  /** What everybody buys, as in a sale. */
  hot: Product[]
  /** Products to be bought once in a run. */
  fresh: Product[]
}

const hotCount = 4
const batch = 100

const product = z.object({
  id: z.string(),
  handle: z.string(),
  shipping_profile: z.object({ id: z.string() }).nullish(),
})
const session = z.object({ token: z.string() })
const listing = z.object({
  products: z.array(product),
  count: z.number(),
})

/**
 * Chooses what will be bought. The fresh products begin at a random place, so that a second run on the same
 * stores seldom buys them again; in a large enough catalogue none is on the page the list row shows.
 * @param needed how many fresh products
 * @param random from 0 up to 1
 * @throws BenchError BENCH_STORE_UNREACHABLE, BENCH_CATALOGUE_TOO_SMALL, or the reason of the signal
 */
export async function readCatalogue(
  stores: readonly Store[],
  needed: number,
  random: () => number,
  signal?: AbortSignal,
): Promise<Catalogue> {
  const read = await Promise.all(stores.map((store) => readHandles(store, signal)))
  const sizes = Object.fromEntries(stores.map(({ label }, i) => [label, read[i]!.size]))
  const alike = await shippedAlike(stores[0]!, signal)
  const everywhere = (handle: string) => read.every((ids) => ids.has(handle))
  const shared = [...read[0]!.keys()].filter((handle) => everywhere(handle) && alike(handle))
  const products = shared.map((handle) =>
    Object.fromEntries(stores.map(({ label }, i) => [label, read[i]!.get(handle)!])),
  )
  const rest = products.slice(products.length - pageSize >= needed ? pageSize : hotCount)
  if (rest.length < needed) {
    const message = `${needed + hotCount} products are needed, the stores share ${products.length}.`
    throw new BenchError("BENCH_CATALOGUE_TOO_SMALL", message, "Use fewer rounds, or a larger catalogue.")
  }
  const start = Math.floor(random() * (rest.length - needed + 1))
  return { sizes, hot: products.slice(0, hotCount), fresh: rest.slice(start, start + needed) }
}

/** The products of a store, id by handle, in the order of its list. */
async function readHandles(store: Store, signal?: AbortSignal): Promise<Map<string, string>> {
  return connected(store, signal, async (client) => {
    const products = await readAll(client, "/store/products?fields=id,handle")
    return new Map(products.map(({ id, handle }) => [handle, id]))
  })
}

/**
 * Which products have the shipping profile that most have: the options a cart offers do not tell which
 * profile they are for, so the shopper buys what the cheapest one carries. Only an admin sees profiles;
 * without one every product is taken.
 */
async function shippedAlike(store: Store, signal?: AbortSignal): Promise<(handle: string) => boolean> {
  const { adminEmail: email, adminPassword: password } = store
  if (!email || !password) return () => true
  return connected(store, signal, async (client) => {
    const login = { method: "POST", path: "/auth/user/emailpass", body: { email, password } } as const
    const { token } = session.parse(readJson(await client.send(login)))
    const path = "/admin/products?fields=id,handle,shipping_profile.id"
    const products = await readAll(client, path, { authorization: `Bearer ${token}` })
    const profiles = new Map(products.map(({ handle, shipping_profile: profile }) => [handle, profile?.id]))
    const counts = new Map<string | undefined, number>()
    for (const profile of profiles.values()) counts.set(profile, (counts.get(profile) ?? 0) + 1)
    const [most] = [...counts].sort(([, a], [, b]) => b - a)
    return (handle) => profiles.get(handle) === most?.[0]
  })
}

/** Every page of a list of products. */
async function readAll(client: Client, path: string, headers?: Record<string, string>) {
  const all: z.output<typeof listing>["products"] = []
  for (;;) {
    const page = `${path}&limit=${batch}&offset=${all.length}`
    const answer = await client.send({ method: "GET", path: page, ...(headers && { headers }) })
    const { products, count } = listing.parse(readJson(answer))
    all.push(...products)
    if (products.length === 0 || all.length >= count) return all
  }
}

/** @throws BenchError BENCH_STORE_UNREACHABLE for whatever `act` throws */
async function connected<T>(
  store: Store,
  signal: AbortSignal | undefined,
  act: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client(store, signal)
  try {
    await client.open()
    return await act(client)
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof BenchError) throw cause
    const why = cause instanceof WrongAnswer ? ` (${cause.message})` : ""
    const message = `The store "${store.label}" does not list its products at ${store.url}${why}.`
    const remedy = "Check that it is a Medusa store, and that its publishable key and its admin are its own."
    throw new BenchError("BENCH_STORE_UNREACHABLE", message, remedy, cause)
  } finally {
    client.close()
  }
}
