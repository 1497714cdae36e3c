/**
 * The bus: movements of tags between the processes of one store.
 *
 * Contract. `move` gives the tags the next number, tells every process, and returns that number once it
 * is recorded where a process that joins later will find it. `trusted()` is true only while the bus has
 * proven, within the trust window, that this process has seen every movement; a process that was stopped,
 * cut off or busy for longer finds it false when it wakes. Movements are applied to `ledger`. The first movement of a demand in
 * an epoch is known to every process as long as the epoch lasts, with its number, however much moves after it.
 */
import type { Ledger } from "../ledger"

export interface Bus {
  readonly ledger: Ledger
  trusted(now: number): boolean
  /** @returns the number of the movement. @throws when it could not be recorded */
  move(tags: string[]): Promise<number>
  close(): Promise<void>
}
