/**
 * The cart path: what a shopper's requests need not do. Each seam checks that Medusa is as it was read, and leaves it as it is
 * otherwise. What they read of the catalogue is the business of module-reads.ts.
 */
import { MedusaModule } from "@medusajs/framework/modules-sdk"
import type { Logger } from "@medusajs/framework/types"
import { Modules } from "@medusajs/framework/utils"
import type { Cache } from "../engine"
import { answerAtHand } from "./answers-at-hand"
import { cheapenBuilders, cheapenSaves, cheapenSkips, cheapenStandings } from "./cheap-flows"
import { copyCheckpointsOnce } from "./checkpoint-copies"
import { spareCheckpoints } from "./checkpoints"
import { saveCheckpointsInOneGo } from "./checkpoints-on-redis"
import { tellFlushes } from "./flushed-updates"
import { foldTransactions } from "./folded-transactions"
import { giveFreeAtOnce } from "./free-connections"
import type { Database, Freshness } from "./freshness"
import { keepCarts } from "./kept-carts"
import { isTraced } from "./kinds-of-requests"
import type { Locking } from "./locks"
import { noteMadeIds, noteMadeUlids } from "./made-ids"
import { writeLinksPlainly } from "./plain-links"
import { readPlainly } from "./plain-reads"
import { PreparedStatements } from "./prepared-statements"
import { cheapenFunctions } from "./pure-functions"
import { RepeatedFinds } from "./repeated-finds"
import { spareRepeats } from "./repeated-statements"
import { saveExecutionsUnread } from "./saved-executions"
import { notAsRead } from "./seams"
import { shareStorages } from "./shared-storages"
import { commitLinksAtOnce } from "./single-writes"

export interface CartPathOptions {
  cache: Cache
  database: Database
  freshness: Freshness
  logger: Logger
  /** How long what is kept lives, in milliseconds. */
  ttl: number
}

/** @returns the names of the seams at which Medusa is not as it was read */
export function shortenCartPath(options: CartPathOptions): string[] {
  const { database, freshness, logger } = options
  const finds = new RepeatedFinds(freshness)
  const locking = MedusaModule.getModuleInstance(Modules.LOCKING)?.[Modules.LOCKING] as unknown
  const warn = (message: string) => logger.warn(message)
  const prepared = new PreparedStatements(warn)
  const functions = cheapenFunctions()
  const otherwise = notAsRead({
    storages: shareStorages,
    "flushed updates": tellFlushes,
    "free connections": () => giveFreeAtOnce(database),
    "prepared statements": () => isTraced || prepared.take(database),
    transactions: () =>
      foldTransactions(database, {
        reads: (sql) => freshness.reads(sql),
        known: (sql) => freshness.ownRow(sql),
        mayJoin: (table) => freshness.writesOnly(table),
        prepared,
      }),
    links: commitLinksAtOnce,
    "plain links": () => writeLinksPlainly(database, freshness, warn),
    "repeated statements": () => spareRepeats(database, locking as Locking | undefined, freshness, prepared),
    "answers at hand": () => answerAtHand(database, freshness),
    "new ids": () => noteMadeIds(freshness),
    "ids of flows": () => noteMadeUlids(freshness),
    "repeated finds": () => finds.take(),
    "plain reads": () => readPlainly(finds, warn),
    "standings of flows": () => cheapenStandings(warn),
    "saves of flows": cheapenSaves,
    "definitions of flows": cheapenBuilders,
    "skipped steps": cheapenSkips,
    carts: () => keepCarts(options),
    checkpoints: () => spareCheckpoints(freshness),
    "copies of checkpoints": copyCheckpointsOnce,
    "checkpoints on Redis": saveCheckpointsInOneGo,
    executions: () => saveExecutionsUnread(database, freshness),
  })
  return [...otherwise, ...functions]
}
