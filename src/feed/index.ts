/** What changed. See feed.ts for the contract. */
export { withClient } from "./client"
export type { Feed, FeedEvents } from "./feed"
export { type PostgresFeedOptions, postgresFeed } from "./postgres"
export {
  install,
  installSql,
  isHot,
  isOfOrder,
  isOfShopper,
  isPromotion,
  isStock,
  listTables,
  remove,
  removeSql,
  tablesWithTriggers,
  type Wanted,
  wantedTables,
} from "./triggers"
