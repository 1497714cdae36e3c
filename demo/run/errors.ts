/** What went wrong for the person at the terminal, and what to do about it. */
export class DemoError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string,
    /** 2 for a wrong call, 1 for a world that is not as it should be. */
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(message)
  }
}

/** Prints the error and gives its exit code. */
export function report(error: unknown): number {
  if (error instanceof DemoError) {
    process.stderr.write(`pegasus: ${error.message}\n         ${error.remedy} [${error.code}]\n`)
    return error.exitCode
  }
  process.stderr.write(`pegasus: ${error instanceof Error ? error.stack : error}\n`)
  return 1
}

export function say(line: string): void {
  process.stderr.write(`pegasus: ${line}\n`)
}
