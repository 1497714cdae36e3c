/**
 * The endpoint table, measured: one shopper after the other buys something, in every store in turn.
 *
 * A round is one shopper in each store, all buying the same product; the order of the stores moves on from
 * round to round, so that none is always first. Two settings: "hot", where everybody buys one of four
 * products, and "first-time", where each round buys a product nobody bought before in this run. The first
 * rounds of each are not counted. An answer's time counts only when the answer is right, and when a store
 * gives another list, product, category or region than the first store, that is an error too.
 *
 * Every shopper of a store allocates much the same, so V8 would collect garbage at the same rows round after round, at some in this store and at
 * others in that. So a shopper looks at the order again in the end, another number of times each round, the same in each store; these looks are not measured.
 *
 * SQL statements are counted afterwards in flows of their own, whose times do not count.
 */
import { BenchError } from "./errors"
import { firstDifference, normalise } from "./normalise"
import type { OnProgress } from "./progress"
import { type Catalogue, type Product, readCatalogue } from "./rows/catalogue"
import { type Flow, walk } from "./rows/flow"
import { Ledger, type RowError, type Setting, type SettingResult } from "./rows/ledger"
import { type Counting, statementCounter } from "./statements"
import { demandStores, type Store } from "./store"

export interface RowsOptions {
  /** The first is the baseline of the others. */
  stores: readonly Store[]
  rounds?: number
  /** Rounds of each setting that are not counted. */
  warmup?: number
  onProgress?: OnProgress
  signal?: AbortSignal
  /** Chooses where in the catalogue the first-time products begin; from 0 up to 1. */
  random?: () => number
}

export interface RowsResult {
  rounds: number
  warmup: number
  settings: SettingResult[]
  errors: RowError[]
  notes: string[]
}

export const defaultRounds = 20
export const defaultWarmup = 3
const countingFlows = 2

/** @throws BenchError, or the reason of the signal; wrong answers are in `errors` */
export async function runRows(options: RowsOptions): Promise<RowsResult> {
  const { stores, rounds = defaultRounds, warmup = defaultWarmup, signal, random = Math.random } = options
  demandStores(stores)
  if (!(rounds >= 1 && warmup >= 0)) {
    throw new BenchError(
      "BENCH_OPTIONS_INVALID",
      `${rounds} rounds measure nothing.`,
      "Give at least one round.",
    )
  }
  const each = warmup + rounds + countingFlows
  const catalogue = await readCatalogue(stores, each, random, signal)
  const counting = await Promise.all(stores.map(({ databaseUrl }) => statementCounter(databaseUrl)))
  const errors: RowError[] = []
  const settings: SettingResult[] = []
  let walked = 0
  try {
    for (const setting of ["hot", "first-time"] as const) {
      const ledger = new Ledger(setting, stores, errors)
      for (let round = 0; round < each; round++) {
        const stage = stageOf(round, warmup, rounds)
        if (stage.kind === "count" && counting.every(({ state }) => state === "unable")) break
        const flows = new Map<Store, Flow>()
        for (const store of rotated(stores, round)) {
          const text = `${setting} products · ${stage.text} · ${store.label}`
          options.onProgress?.({ text, part: walked++ / (2 * each * stores.length) })
          const counter = stage.kind === "count" ? counterOf(counting[stores.indexOf(store)]!) : undefined
          const productId = productOf(catalogue, setting, round)[store.label]!
          const catalogueSize = catalogue.sizes[store.label]!
          const looks = looksOf(round)
          flows.set(store, await walk({ store, productId, catalogueSize, counter, looks, signal }))
        }
        demandSame(stores, flows)
        ledger.enter(round, stage.kind, flows)
      }
      settings.push(ledger.result())
    }
  } finally {
    await Promise.all(counting.map((one) => counterOf(one)?.close()))
  }
  return { rounds, warmup, settings, errors, notes: notesOf(stores, counting) }
}

function stageOf(round: number, warmup: number, rounds: number) {
  if (round < warmup) return { kind: "warm", text: `warm-up ${round + 1} of ${warmup}` } as const
  if (round < warmup + rounds)
    return { kind: "time", text: `round ${round - warmup + 1} of ${rounds}` } as const
  return { kind: "count", text: "counting SQL statements" } as const
}

/** From 0 to 10. */
const looksOf = (round: number) => (round * 7) % 11

function productOf({ hot, fresh }: Catalogue, setting: Setting, round: number): Product {
  return setting === "hot" ? hot[round % hot.length]! : fresh[round]!
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

/** A flow is cut off at the first row whose answer is not what the first store answered. */
function demandSame([first, ...others]: readonly Store[], flows: Map<Store, Flow>): void {
  const expected = flows.get(first!)!.steps.filter(({ row }) => row.same)
  for (const { row, body } of expected) {
    const baseline = normalise(body)
    for (const store of others) {
      const flow = flows.get(store)!
      const at = flow.steps.findIndex((step) => step.row === row)
      const difference = at >= 0 && firstDifference(baseline, normalise(flow.steps[at]!.body))
      if (!difference) continue
      const message = `other than in "${first!.label}": ${difference}`
      flows.set(store, { steps: flow.steps.slice(0, at), fault: { row: row.name, message } })
    }
  }
}

function counterOf(counting: Counting) {
  return counting.state === "able" ? counting.counter : undefined
}

function notesOf(stores: readonly Store[], counting: readonly Counting[]): string[] {
  return counting.flatMap((one, i) =>
    one.state === "able"
      ? []
      : `SQL statements of "${stores[i]!.label}" were not counted (${one.reason}). To count them, load ` +
        "pg_stat_statements (shared_preload_libraries) and run: create extension pg_stat_statements",
  )
}
