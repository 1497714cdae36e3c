/** Where the steps of all flows of one setting are entered, and the figures of its rows drawn from them. */
import { improvement, lowerMedian, type Summary, summarise } from "../statistics"
import type { Store } from "../store"
import type { Flow } from "./flow"
import { table } from "./table"

export type Setting = "hot" | "first-time"

export interface RowError {
  setting: Setting
  /** Counted from 1, the warm-up included. */
  round: number
  store: string
  row: string
  message: string
}

export interface Figures extends Summary {
  store: string
  /** How much less p50 is than in the first store, in percent; null for the first store itself. */
  improvement: number | null
  /** SQL statements, without those that mark transactions; null when not counted. */
  statements: number | null
  /** Every time that counted, in milliseconds, in the order of the rounds. */
  samples: number[]
}

export interface RowResult {
  row: string
  /** In the order of the stores. */
  stores: Figures[]
}

export interface SettingResult {
  setting: Setting
  rows: RowResult[]
  /** All rows of a flow together. */
  flow: RowResult
}

interface Column {
  samples: number[]
  statements: number[]
}

const wholeFlow = "the whole flow"

export class Ledger {
  private readonly columns = new Map<string, Map<Store, Column>>()

  constructor(
    private readonly setting: Setting,
    private readonly stores: readonly Store[],
    private readonly errors: RowError[],
  ) {
    for (const row of [...table.map(({ name }) => name), wholeFlow]) {
      this.columns.set(row, new Map(stores.map((store) => [store, { samples: [], statements: [] }])))
    }
  }

  /** @param round counted from 0 */
  enter(round: number, kind: "warm" | "time" | "count", flows: Map<Store, Flow>): void {
    for (const [store, { steps, fault }] of flows) {
      if (fault) this.errors.push({ setting: this.setting, round: round + 1, store: store.label, ...fault })
      if (kind === "time") {
        for (const { row, duration } of steps) this.column(row.name, store).samples.push(duration)
        if (!fault) this.column(wholeFlow, store).samples.push(sum(steps.map(({ duration }) => duration)))
      }
      if (kind === "count") {
        for (const { row, statements } of steps) {
          if (statements !== null) this.column(row.name, store).statements.push(statements)
        }
      }
    }
  }

  result(): SettingResult {
    const rows = table.map(({ name }) => this.row(name))
    const flow = this.row(wholeFlow)
    flow.stores.forEach((figures, i) => {
      const counts = rows.map(({ stores }) => stores[i]!.statements)
      figures.statements = counts.every((count) => count !== null) ? sum(counts) : null
    })
    return { setting: this.setting, rows, flow }
  }

  private row(row: string): RowResult {
    let baseline: Summary | undefined
    const stores = this.stores.map((store): Figures => {
      const { samples, statements } = this.column(row, store)
      const summary = summarise(samples)
      const better = baseline ? improvement(baseline.p50, summary.p50) : null
      baseline ??= summary
      return {
        store: store.label,
        ...summary,
        improvement: better,
        statements: lowerMedian(statements),
        samples,
      }
    })
    return { row, stores }
  }

  private column(row: string, store: Store): Column {
    return this.columns.get(row)!.get(store)!
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0)
}
