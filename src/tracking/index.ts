/** What was read. See tracker.ts and dependencies.ts. */

export {
  emptyAnswerOf,
  type Given,
  type Question,
  type Response,
} from "./answers"
export type { Reads } from "./calls"
export { Carried } from "./carried"
export { Course, ids } from "./course"
export { type Catalog, type Change, nameOfTag, type Table, tagsOfChange, tagsOfChanges } from "./dependencies"
export { moment } from "./moves"
export { askedById, rowAmong } from "./own-rows"
export { type Committing, type Past, Repeats, type Send } from "./repeats"
export { otherwise } from "./selection"
export { Shares } from "./shares"
export { loadParser, type Source } from "./statement"
export { type Issued, type Reading, type Request, Tracker } from "./tracker"
export { proofOf, takeVersions, versioned } from "./versions"
