import { type Answer, Client } from "../client"
import { WrongAnswer } from "../errors"
import type { StatementCounter } from "../statements"
import type { Store } from "../store"
import { newShopper, type Row, table } from "./table"

export interface Step {
  row: Row
  /** Milliseconds. */
  duration: number
  /** Null when they were not counted, or could not be told. */
  statements: number | null
  body: unknown
}

export interface Flow {
  /** The rows answered rightly, in order. */
  steps: Step[]
  /** The row that was answered wrongly; the flow ends with it. */
  fault?: { row: string; message: string }
}

export interface FlowOptions {
  store: Store
  productId: string
  catalogueSize: number
  counter?: StatementCounter | undefined
  /** How often the shopper looks at what the last row gave again afterwards; not measured. Default 0. */
  looks?: number | undefined
  signal?: AbortSignal | undefined
}

/**
 * One shopper, from the list to the order, one request at a time on one connection.
 * @throws BenchError BENCH_STORE_UNREACHABLE, or the reason of the signal
 */
export async function walk(options: FlowOptions): Promise<Flow> {
  const { store, productId, catalogueSize, counter, looks = 0, signal } = options
  const shopper = newShopper(store, productId, catalogueSize)
  const client = new Client(store, signal)
  const steps: Step[] = []
  try {
    await client.open()
    for (const row of table) {
      try {
        const send = () => client.send(row.request(shopper))
        const counted = counter ? await counter.during(send) : { value: await send(), statements: null }
        const body = readJson(counted.value)
        row.check(shopper, body)
        steps.push({ row, duration: counted.value.duration, statements: counted.statements, body })
      } catch (error) {
        signal?.throwIfAborted()
        return {
          steps,
          fault: { row: row.name, message: error instanceof Error ? error.message : String(error) },
        }
      }
    }
    for (let look = 0; look < looks; look++) await client.send(table.at(-1)!.request(shopper))
    return { steps }
  } finally {
    client.close()
  }
}

/** @throws WrongAnswer unless the status is 200 and the body JSON */
export function readJson({ status, body }: Pick<Answer, "status" | "body">): unknown {
  const text = body.toString("utf8")
  if (status !== 200) throw new WrongAnswer(`status ${status}: ${text.slice(0, 200)}`)
  try {
    return JSON.parse(text)
  } catch {
    throw new WrongAnswer("the answer is not JSON")
  }
}
