/** A statement that the advisor looks at, and how an index is tried on it. */
import type { Gain } from "../check"
import type { IndexShape } from "../fixes"
import { type Explained, type PlanNode, presentable } from "../plan"

export interface Question {
  /** With constants. */
  sql: string
  /** Without. */
  text: string
  calls: number
  /** Milliseconds, over all calls; of a statement that nobody counted, a little. */
  total: number
  cost: number
  plan: PlanNode
  tables: ReadonlySet<string>
}

export interface Trial {
  make(shape: IndexShape): Promise<void>
  /** With all that were made but this one. */
  without<T>(shape: IndexShape, work: () => Promise<T>): Promise<T>
  /** None is there any more. */
  clear(): Promise<void>
}

/** The longest that one statement is run, in milliseconds. */
export const measureLimit = 60_000

/** @param before undefined if it took longer than that, or was not run */
export function gainOf(question: Question, before: Explained | undefined, after: Explained): Gain {
  const { calls, total, cost, plan } = question
  const isRun = after.time !== undefined
  const then = isRun ? (before?.time ?? measureLimit) : cost
  const now = isRun ? after.time! : after.plan["Total Cost"]
  return {
    basis: isRun ? "measured" : "priced",
    before: then,
    after: now,
    ...(calls > 0 && { saved: total * Math.max(0, 1 - now / then) }),
    plans: { before: presentable(before?.plan ?? plan), after: presentable(after.plan) },
  }
}
