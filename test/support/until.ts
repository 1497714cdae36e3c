import { setTimeout as sleep } from "node:timers/promises"

/** Waits for something real to become true. @throws when it has not after `limit` milliseconds */
export async function until(what: string, holds: () => unknown, limit = 10_000): Promise<void> {
  const deadline = Date.now() + limit
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`It did not happen within ${limit} ms: ${what}`)
    await sleep(10)
  }
}
