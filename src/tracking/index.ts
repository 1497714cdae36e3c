/** What was read. See tracker.ts and dependencies.ts. */

export { Course } from "./course"
export { type Catalog, type Change, nameOfTag, type Table, tagsOfChange, tagsOfChanges } from "./dependencies"
export { type Past, type Question, type Reads, Repeats, type Response } from "./repeats"
export { Shares } from "./shares"
export { loadParser } from "./statement"
export { type Issued, type Reading, type Request, Tracker } from "./tracker"
export { proofOf, takeVersions, versioned } from "./versions"
