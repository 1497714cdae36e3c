/**
 * Ids that are made up while a request is served: nobody else knows them yet. What is loaded of a new cart, or looked for before something is linked to a
 * new order, is not there, and need not be asked (tracking/moves.ts).
 *
 * The seam: `generateEntityId` (utils/dist/common/generate-entity-id.js:11, 2.21.2), which all of Medusa's models have their ids of, and `ulid` (ulid/dist/index.umd.js:95,
 * 2.4), of which those and the ids of runs of workflows are made.
 */
import * as utils from "@medusajs/framework/utils"
import type { Freshness } from "./freshness"
import { moduleOf, placeFrom } from "./query-package"

interface Module {
  generateEntityId?(given?: string, prefix?: string): string
}

interface UlidPackage {
  ulid?(at?: number): string
  factory?(random: () => number): (at?: number) => string
}

/** @returns false when it is not as expected, and nothing was changed */
export function noteMadeIds(freshness: Pick<Freshness, "made">): boolean {
  const module = moduleOf<Module>("utils", "common/generate-entity-id.js")
  const generate = module?.generateEntityId
  if (!module || typeof generate !== "function") return false
  module.generateEntityId = (given, prefix) => {
    const id = generate(given, prefix)
    if (!given) freshness.made(id)
    return id
  }
  // What others hold of it is what is called.
  if (utils.generateEntityId === module.generateEntityId) return true
  module.generateEntityId = generate
  return false
}

/** Those of flows, too. @returns false when it is not as expected, and nothing was changed */
export function noteMadeUlids(freshness: Pick<Freshness, "made">): boolean {
  const ulids = ulidPackage()
  const make = ulids?.ulid
  if (!ulids || typeof make !== "function") return false
  ulids.ulid = (at) => {
    const id = make(at)
    if (at === undefined) freshness.made(id)
    return id
  }
  return true
}

/** That of Medusa's utils, which npm shares with its workflows. */
export function ulidPackage(): UlidPackage | undefined {
  try {
    const from = placeFrom("@medusajs/utils", require.resolve("@medusajs/framework/utils"))
    return require(placeFrom("ulid", from)) as UlidPackage
  } catch {
    return undefined
  }
}
