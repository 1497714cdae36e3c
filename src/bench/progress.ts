import type { WriteStream } from "node:tty"

/** Where a run is; reported before each of its steps. */
export interface Progress {
  /** What is being done, for a reader: "hot products · round 3 of 20 · pegasus". */
  text: string
  /** From 0 to 1, over the whole run. */
  part: number
}

export type OnProgress = (progress: Progress) => void

type Output = Pick<WriteStream, "write"> & { isTTY?: boolean; columns?: number }

/** Without a terminal one line is written this often, in milliseconds. */
const lineEvery = 10_000
const barWidth = 20

/**
 * Shows progress on a stream: one line that changes on a terminal, a line now and then elsewhere.
 * Call `done` before anything else is written.
 */
export function showProgress(output: Output, now: () => number = Date.now) {
  let last = Number.NEGATIVE_INFINITY
  const show: OnProgress = ({ text, part }) => {
    const percent = `${Math.floor(part * 100)}`.padStart(3)
    if (output.isTTY) {
      const filled = Math.round(part * barWidth)
      const line = `${"━".repeat(filled)}${"─".repeat(barWidth - filled)} ${percent} %  ${text}`
      output.write(`\r\x1b[2K${line.slice(0, (output.columns ?? 80) - 1)}`)
    } else if (now() - last >= lineEvery) {
      last = now()
      output.write(`${percent} %  ${text}\n`)
    }
  }
  const done = () => {
    if (output.isTTY) output.write("\r\x1b[2K")
  }
  return { show, done }
}
