/**
 * What really happened, and whether it may have: the checker.
 *
 * Each value is a counter that only rises. A write is acknowledged when its invalidation has returned. A read
 * that *starts* later than `bound` after an acknowledged write must not return an older counter.
 */
export interface Write {
  kind: "write"
  key: string
  counter: number
  /** When its invalidation returned. Milliseconds, of the clock all processes share. */
  acknowledgedAt: number
}

export interface Read {
  kind: "read"
  key: string
  counter: number
  startedAt: number
  process: number
}

export type Happening = Write | Read

export interface Violation {
  read: Read
  /** The write it should have seen. */
  write: Write
}

/** @param bound the longest an acknowledged write may stay unseen, in milliseconds */
export function violations(history: Happening[], bound: number): Violation[] {
  const found: Violation[] = []
  const keys = new Set(history.map(({ key }) => key))
  for (const key of keys) {
    const writes = history.filter((one): one is Write => one.kind === "write" && one.key === key)
    writes.sort((a, b) => a.acknowledgedAt - b.acknowledgedAt)
    const reads = history.filter((one): one is Read => one.kind === "read" && one.key === key)
    reads.sort((a, b) => a.startedAt - b.startedAt)
    let next = 0
    let newest: Write | undefined
    for (const read of reads) {
      for (; writes[next] && writes[next]!.acknowledgedAt + bound < read.startedAt; next++) {
        if (!newest || writes[next]!.counter > newest.counter) newest = writes[next]
      }
      if (newest && read.counter < newest.counter) found.push({ read, write: newest })
    }
  }
  return found
}
