/** Every error the bench raises on purpose, and what it means. */
export const benchErrorCodes = {
  BENCH_STORE_UNREADABLE: "The description of a store is neither a file nor JSON.",
  BENCH_STORE_INVALID: "The description of a store lacks a field or has a malformed one.",
  BENCH_STORE_UNREACHABLE: "A store does not answer, or not as a Medusa store does.",
  BENCH_CATALOGUE_TOO_SMALL: "The stores share too few products for this many rounds.",
  BENCH_OPTIONS_INVALID: "An option of a run is out of range.",
  BENCH_LOAD_FAILED: "The process that makes the load, or the bare server, ended early.",
  BENCH_REPORT_UNWRITABLE: "A report could not be written.",
} as const

export type BenchErrorCode = keyof typeof benchErrorCodes

export class BenchError extends Error {
  readonly code: BenchErrorCode
  readonly remedy: string

  constructor(code: BenchErrorCode, message: string, remedy: string, cause?: unknown) {
    super(`${message} ${remedy} [${code}]`, cause === undefined ? undefined : { cause })
    this.name = "BenchError"
    this.code = code
    this.remedy = remedy
  }
}

/** An answer whose status or meaning is wrong: reported with its row, its time not counted. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer"
}

/** @throws WrongAnswer with `message` unless `holds` */
export function demand(holds: boolean, message: string): asserts holds {
  if (!holds) throw new WrongAnswer(message)
}
