/** What was read. See tracker.ts and dependencies.ts. */

export { Carried } from "./carried"
export { Course, ids } from "./course"
export { type Catalog, type Change, nameOfTag, type Table, tagsOfChange, tagsOfChanges } from "./dependencies"
export { askedById, rowAmong } from "./own-rows"
export {
  type Committing,
  emptyAnswerOf,
  type Given,
  moment,
  type Past,
  type Question,
  type Reads,
  Repeats,
  type Response,
  type Send,
} from "./repeats"
export { otherwise } from "./selection"
export { Shares } from "./shares"
export { loadParser, type Source } from "./statement"
export { type Issued, type Reading, type Request, Tracker } from "./tracker"
export { proofOf, takeVersions, versioned } from "./versions"
