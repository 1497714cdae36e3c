import assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"

/** Waits for what must come from elsewhere. @param patience the longest, in milliseconds */
export async function eventually(patience: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 5) {
    assert.ok(waited < patience, `it did not happen within ${patience} ms`)
    await sleep(5)
  }
}
