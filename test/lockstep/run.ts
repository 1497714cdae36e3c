/** Shoppers one after the other, the same in two stores. */
import { randomOf } from "../history/random"
import { Difference, openPair } from "./pair"
import { readScenery, shop } from "./shopper"

export interface Outcome {
  shoppers: number
  requests: number
  /** What differed, and how the shopper came there. */
  differences: string[]
}

/** @param enough whether to stop, asked before each shopper */
export async function lockstep(
  seed: number,
  enough: (shoppers: number) => boolean,
  tell: (line: string) => void = () => undefined,
): Promise<Outcome> {
  const pair = await openPair()
  const outcome: Outcome = { shoppers: 0, requests: 0, differences: [] }
  try {
    const scenery = await readScenery(pair)
    while (!enough(outcome.shoppers) && outcome.differences.length < 5) {
      const own = seed + outcome.shoppers++
      const trail: string[] = []
      try {
        outcome.requests += await shop(pair, scenery, randomOf(own), trail)
        tell(`shopper ${own}: ${trail.length} requests`)
      } catch (error) {
        if (!(error instanceof Difference)) throw error
        outcome.differences.push(`shopper ${own}: ${error.message}\n  after ${trail.join(", ")}`)
        tell(outcome.differences.at(-1)!)
      }
    }
    return outcome
  } finally {
    await pair.close()
  }
}
