/**
 * Many shoppers at once: every connection asks for the same product list again as soon as it is answered.
 *
 * The stores are loaded one after the other. Nothing asks for the list before the load does, so a cache
 * begins without it. Afterwards the list is read once more, its meaning checked, and every answer of the
 * load must have had its length. Beside them stands a bare node:http server that sends the same bytes: what
 * Node on this machine can do at most, as this load generator sees it.
 *
 * The load and the bare server run in processes of their own, so that neither waits for this one.
 */
import { z } from "zod"
import { type Answer, Client } from "./client"
import { BenchError, WrongAnswer } from "./errors"
import type { BareMessage, BareOrder } from "./load/bare"
import type { CannonMessage, CannonOrder, CannonResult } from "./load/cannon"
import { converse } from "./load/child"
import { firstDifference, normalise } from "./normalise"
import type { OnProgress } from "./progress"
import { readJson } from "./rows/flow"
import { improvement } from "./statistics"
import { demandStores, type Store } from "./store"

export interface LoadOptions {
  /** The first is the baseline of the others, and the bare server sends what it sent. */
  stores: readonly Store[]
  connections?: number
  /** In all, for each target. */
  requests?: number
  onProgress?: OnProgress
  signal?: AbortSignal
}

export interface LoadFigures extends Omit<CannonResult, "lengths"> {
  /** The label of a store, or of the bare server. */
  target: string
  /** How much less the median is than in the first store, in percent; null for the first itself. */
  improvement: number | null
  bodyBytes: number
}

export interface LoadError {
  target: string
  message: string
}

export interface LoadResult {
  path: string
  connections: number
  requests: number
  /** The stores in their order, then the bare server. */
  targets: LoadFigures[]
  errors: LoadError[]
}

export const defaultConnections = 500
export const defaultRequests = 10_000
export const bareTarget = "bare node:http"

const pageSize = 12
const page = z.object({ products: z.array(z.object({ id: z.string() })), count: z.number() })

/** @throws BenchError, or the reason of the signal; wrong answers are in `errors` */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { stores, connections = defaultConnections, requests = defaultRequests, signal } = options
  demandStores(stores)
  if (!(connections >= 1 && requests >= connections)) {
    const message = `${requests} requests over ${connections} connections cannot be made.`
    throw new BenchError("BENCH_OPTIONS_INVALID", message, "Give at least one request a connection.")
  }
  const targets: LoadFigures[] = []
  const errors: LoadError[] = []
  const path = (store: Store) => `/store/products?limit=${pageSize}&region_id=${store.regionId}`

  const fire = async (target: string, url: string, headers: Record<string, string>) => {
    const progress = (done: number) => {
      const text = `${connections} connections · ${target} · ${done} of ${requests} requests`
      options.onProgress?.({ text, part: (targets.length + done / requests) / (stores.length + 1) })
    }
    progress(0)
    const order: CannonOrder = { url, headers, connections, requests }
    return converse<CannonOrder, CannonMessage, CannonResult>("cannon", order, signal, (message, settle) => {
      if ("result" in message) settle(message.result)
      else progress(message.done)
    })
  }
  const enter = (target: string, { lengths, ...figures }: CannonResult, bodyBytes: number) => {
    const better = targets[0] ? improvement(targets[0].latency.p50, figures.latency.p50) : null
    targets.push({ target, ...figures, improvement: better, bodyBytes })
    for (const message of faultsOf(figures, lengths, requests, bodyBytes)) errors.push({ target, message })
  }

  let sent: Answer | undefined
  for (const store of stores) {
    await reach(store, signal)
    const headers = { "x-publishable-api-key": store.publishableKey }
    const result = await fire(store.label, store.url + path(store), headers)
    const answer = await ask(store, path(store), signal)
    const message = meaningOf(answer, sent)
    if (message) errors.push({ target: store.label, message })
    sent ??= answer
    enter(store.label, result, answer.body.length)
  }

  const { body, contentType } = sent!
  const order: BareOrder = { body: body.toString("base64"), contentType }
  const result = await converse<BareOrder, BareMessage, CannonResult>(
    "bare",
    order,
    signal,
    ({ port }, settle) => {
      settle(fire(bareTarget, `http://127.0.0.1:${port}/`, {}))
    },
  )
  enter(bareTarget, result, body.length)
  return { path: path(stores[0]!), connections, requests, targets, errors }
}

/** @throws BenchError BENCH_STORE_UNREACHABLE */
async function reach(store: Store, signal: AbortSignal | undefined): Promise<void> {
  const client = new Client(store, signal)
  await client.open().finally(() => client.close())
}

async function ask(store: Store, path: string, signal: AbortSignal | undefined): Promise<Answer> {
  const client = new Client(store, signal)
  return client.send({ method: "GET", path }).finally(() => client.close())
}

/** @returns what is wrong with the list, itself or against what the first store sent */
function meaningOf(answer: Answer, first: Answer | undefined): string | undefined {
  try {
    const body = readJson(answer)
    const { products, count } = page.parse(body)
    const expected = Math.min(pageSize, count)
    if (products.length !== expected) return `the list has ${products.length} products, not ${expected}`
    const difference = first && firstDifference(normalise(readJson(first)), normalise(body))
    return difference && `other than in the first store: ${difference}`
  } catch (error) {
    if (error instanceof WrongAnswer) return error.message
    return "the answer is not a list of products"
  }
}

function faultsOf(
  { errors, timeouts, non2xx, completed }: Omit<CannonResult, "lengths">,
  lengths: Record<string, number>,
  requests: number,
  bodyBytes: number,
): string[] {
  const faults: string[] = []
  if (errors > timeouts) faults.push(`${errors - timeouts} connections failed`)
  if (timeouts > 0) faults.push(`${timeouts} requests had no answer in time`)
  if (non2xx > 0) faults.push(`${non2xx} answers had a status other than 2xx`)
  if (completed < requests) faults.push(`only ${completed} of ${requests} requests were answered`)
  for (const [length, count] of Object.entries(lengths)) {
    if (Number(length) !== bodyBytes) faults.push(`${count} answers had ${length} bytes, not ${bodyBytes}`)
  }
  return faults
}
