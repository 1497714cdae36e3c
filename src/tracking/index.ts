/** What was read. See tracker.ts and dependencies.ts. */
export { type Catalog, type Change, nameOfTag, type Table, tagsOfChange, tagsOfChanges } from "./dependencies"
export type { Past, Reads, Repeats } from "./repeats"
export { Shares } from "./shares"
export { loadParser } from "./statement"
export { type Issued, type Reading, type Request, Tracker } from "./tracker"
export { proofOf, takeVersions, type Versioned, versioned } from "./versions"
