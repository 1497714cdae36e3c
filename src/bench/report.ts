import { writeFile } from "node:fs/promises"
import { BenchError } from "./errors"
import type { LoadResult } from "./load"
import { type Machine, thisMachine } from "./machine"
import type { RowsResult } from "./rows"
import type { Store } from "./store"

/** Everything one run found, as it is written to JSON. */
export interface Report {
  format: "medusa-pegasus/bench@1"
  /** ISO 8601. */
  date: string
  /** What was typed to get it. */
  command: string
  note?: string
  machine: Machine
  /** By the name of what has the version: medusa, medusa-pegasus, postgresql and so on. */
  versions: Record<string, string>
  /** In the order given; the first is the baseline. No keys, no passwords. */
  stores: { label: string; url: string; cache?: string }[]
  rows?: RowsResult
  load?: LoadResult
}

export interface ReportParts {
  stores: readonly Store[]
  command: string
  rows?: RowsResult | undefined
  load?: LoadResult | undefined
  note?: string | undefined
  /** Beside those the stores' descriptions name. */
  versions?: Record<string, string>
  date?: Date
}

export function createReport(parts: ReportParts): Report {
  const { stores, command, rows, load, note, versions, date = new Date() } = parts
  return {
    format: "medusa-pegasus/bench@1",
    date: date.toISOString(),
    command,
    ...(note && { note }),
    machine: thisMachine(),
    versions: Object.assign({}, ...stores.map((store) => store.versions), versions),
    stores: stores.map(({ label, url, cache }) => ({ label, url, ...(cache && { cache }) })),
    ...(rows && { rows }),
    ...(load && { load }),
  }
}

/** Wrong answers of the whole run, one line each. Empty when everything was right. */
export function faultLines({ rows, load }: Pick<Report, "rows" | "load">): string[] {
  return [
    ...(rows?.errors ?? []).map(
      ({ store, setting, round, row, message }) => `${store}, ${setting}, round ${round}: ${row}: ${message}`,
    ),
    ...(load?.errors ?? []).map(({ target, message }) => `${target}, under load: ${message}`),
  ]
}

export function renderJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

/** @throws BenchError BENCH_REPORT_UNWRITABLE */
export async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text)
  } catch (cause) {
    const message = `The report could not be written to ${file}.`
    throw new BenchError("BENCH_REPORT_UNWRITABLE", message, "Name a file in a folder that exists.", cause)
  }
}
