/** The few numbers somebody in a hurry reads: the last store against the first. */
import type { Report } from "../report"
import type { RowResult } from "../rows/ledger"
import { improvement } from "../statistics"
import { count, duration, parts } from "./numbers"

export interface KeyFigure {
  title: string
  value: string
  /** "pegasus: 89 % less", against the first store; only the label when there is but one. */
  gain: string
  slower: boolean
  /** What the other stores have: "off 191 ms, medusa 37 ms". */
  others: string
}

/** A difference of less than this many percent is not worth a headline. */
const worthSaying = 5

/** The cautious one: a purchase of a product nobody bought before. */
export function headlineOf({ rows, load, stores }: Report): string {
  const flow = rows?.settings.find(({ setting }) => setting === "first-time")?.flow.stores
  const star = flow?.at(-1)
  if (flow && star?.improvement && star.improvement >= worthSaying) {
    return `With ${star.store} from list to order in ${seconds(star.p50!)} instead of ${seconds(flow[0]!.p50!)}`
  }
  const busy = load?.targets[stores.length - 1]
  if (!rows && busy?.improvement && busy.improvement >= worthSaying) {
    const before = duration(load!.targets[0]!.latency.p50)
    const after = duration(busy.latency.p50)
    return `With ${busy.target} ${count(load!.connections)} shoppers at once wait ${after} instead of ${before}`
  }
  return `${new Intl.ListFormat("en").format(stores.map(({ label }) => label))}, measured`
}

export function keyFigures({ rows, load, stores }: Report): KeyFigure[] {
  const labels = stores.map(({ label }) => label)
  const figures: KeyFigure[] = []
  const add = (title: string, values: (number | null)[], write: (value: number | null) => string) => {
    if (values.every((value) => value !== null)) figures.push(figureOf(title, labels, values, write))
  }
  const [hot, first] = rows?.settings ?? []
  const p50 = ({ stores }: RowResult) => stores.map((one) => one.p50)
  if (hot && first) {
    add("Product list, 50 products with prices", p50(hot.rows[0]!), duration)
    add("From list to order, hot products", p50(hot.flow), seconds)
    add("From list to order, first-time products", p50(first.flow), seconds)
    const statements = first.flow.stores.map((one) => one.statements)
    if (!load) add("SQL statements from list to order, first-time products", statements, count)
  }
  if (load) {
    const waits = load.targets.slice(0, labels.length).map(({ latency }) => latency.p50)
    add(`Product list, ${count(load.connections)} connections at once`, waits, duration)
  }
  return figures
}

function figureOf(
  title: string,
  labels: string[],
  values: (number | null)[],
  write: (value: number | null) => string,
): KeyFigure {
  const percent = improvement(values[0]!, values.at(-1)!) ?? 0
  const gain =
    Math.round(percent) === 0
      ? "no difference"
      : percent < 0
        ? `${count(-percent)} % more`
        : `${parts(percent)} less`
  return {
    title,
    value: write(values.at(-1)!),
    gain: values.length > 1 ? `${labels.at(-1)}: ${gain}` : labels[0]!,
    slower: Math.round(percent) < 0,
    others: labels
      .slice(0, -1)
      .map((label, i) => `${label} ${write(values[i]!)}`)
      .join(", "),
  }
}

/** Milliseconds written as seconds, to two places: flows are compared, so the unit stays the same. */
function seconds(value: number | null): string {
  return value === null ? "–" : `${(value / 1000).toFixed(2)}\u00a0s`
}
