/**
 * A feed: the stream of committed changes.
 *
 * Contract. `onChanges` is called with every change that anyone commits to a table of the catalog, soon after the
 * commit and never before. `trusted(now)` is true only while the feed has proven, within the trust window, that nothing
 * committed before the proof is missing. After a time in which it may have missed changes `onGap` is called before it
 * is trusted again: everything older is unknown. `settled()` resolves when every change committed before the call has
 * been handed on.
 */
import type { Catalog, Change } from "../tracking"

export interface FeedEvents {
  onChanges(changes: Change[]): void
  onGap(): void
  /**
   * It speaks; or it was lost, or said nothing for a trust window in which this process was awake: `cause` says why, if
   * known. Called once a change of state.
   */
  onTrust(trusted: boolean, cause?: unknown): void
}

export interface Feed {
  readonly catalog: Catalog
  /** Tables of the store whose changes it does not tell, though it could. */
  readonly untold: readonly string[]
  trusted(now: number): boolean
  /** @param budget the longest to wait, in milliseconds. @returns false when it took longer or the feed is down */
  settled(budget: number): Promise<boolean>
  /**
   * How long nothing begins or ends in these tables by the clock alone, in milliseconds; not positive when something
   * did since then.
   * @param since milliseconds since 1970
   * @throws when it cannot be found out
   */
  quietFor(tables: Iterable<string>, since: number): Promise<number>
  /** Milliseconds from a change to its being handed on, of the last changes. */
  lags(): readonly number[]
  close(): Promise<void>
}
