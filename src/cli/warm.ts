import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import type { WarmArguments } from "./arguments"

export interface WarmCall {
  arguments: WarmArguments
  /** Progress, on one line where that can be. */
  progress(text: string): void
  signal: AbortSignal
}

type Json = Record<string, unknown>

/** Asks for what shoppers will ask for, so many times a second. @returns whether every answer was 200 */
export async function warm({ arguments: given, progress, signal }: WarmCall): Promise<boolean> {
  const { url, headers, rate } = given
  const get = async (path: string) => {
    const response = await fetch(new URL(path, url), { headers, signal })
    const body = await response.text()
    return { isRight: response.status === 200, body }
  }
  const paths = given.paths === undefined ? await catalogue(get) : linesOf(given.paths)
  let [done, wrong] = [0, 0]
  const began = performance.now()
  for (const path of paths) {
    signal.throwIfAborted()
    // No faster than asked for; slower when the store is.
    await sleep(Math.max(0, began + (done * 1_000) / rate - performance.now()), undefined, { signal })
    if (!(await get(path)).isRight) wrong++
    done++
    progress(`${bar(done / paths.length)} ${done} of ${paths.length}${wrong > 0 ? `, ${wrong} not 200` : ""}`)
  }
  return wrong === 0
}

/** Lists, and every product of every region. */
async function catalogue(get: (path: string) => Promise<{ body: string }>): Promise<string[]> {
  const all = async (name: string, path: string): Promise<string[]> => {
    const { body } = await get(`${path}?fields=id&limit=1000`)
    return ((JSON.parse(body) as Json)[name] as { id: string }[]).map(({ id }) => id)
  }
  const regions = await all("regions", "/store/regions")
  const products = await all("products", "/store/products")
  const pages = Array.from(
    { length: Math.ceil(products.length / 12) },
    (_, page) => `limit=12&offset=${12 * page}`,
  )
  return [
    ...["/store/regions", "/store/collections", "/store/product-categories"],
    ...regions.flatMap((region) => [
      ...pages.map((page) => `/store/products?region_id=${region}&${page}`),
      ...products.map((id) => `/store/products/${id}?region_id=${region}`),
    ]),
  ]
}

const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .split(/\r?\n/)
    .filter((line) => line.startsWith("/"))
const bar = (share: number) => `[${"#".repeat(Math.round(share * 30)).padEnd(30)}]`
