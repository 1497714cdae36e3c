import {
  createReport,
  faultLines,
  readStore,
  renderHtml,
  renderJson,
  renderText,
  runLoad,
  runRows,
  showProgress,
  writeReport,
} from "../bench"
import type { BenchArguments } from "./arguments"

export interface BenchCall {
  arguments: BenchArguments
  /** As it goes into the reports. */
  commandLine: string
  versions: Record<string, string>
  signal: AbortSignal
}

/**
 * @returns whether every answer was right
 * @throws BenchError, or the reason of the signal
 */
export async function bench({
  arguments: given,
  commandLine,
  versions,
  signal,
}: BenchCall): Promise<boolean> {
  const stores = await Promise.all(given.stores.map(({ label, source }) => readStore(label, source)))
  const { show: onProgress, done } = showProgress(process.stderr)
  try {
    const rows = given.rows && (await runRows({ ...given.rows, stores, onProgress, signal }))
    const load = given.load && (await runLoad({ ...given.load, stores, onProgress, signal }))
    done()

    const report = createReport({ stores, rows, load, note: given.note, versions, command: commandLine })
    process.stdout.write(renderText(report))
    if (given.json) await writeReport(given.json, renderJson(report))
    if (given.html) await writeReport(given.html, renderHtml(report))
    return faultLines(report).length === 0
  } finally {
    done()
  }
}
