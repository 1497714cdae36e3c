/** Measures Medusa stores over HTTP, and says what it found. */
export { BenchError, type BenchErrorCode, benchErrorCodes } from "./errors"
export {
  defaultConnections,
  defaultRequests,
  type LoadOptions,
  type LoadResult,
  runLoad,
} from "./load"
export { type OnProgress, type Progress, showProgress } from "./progress"
export {
  createReport,
  faultLines,
  type Report,
  type ReportParts,
  renderJson,
  writeReport,
} from "./report"
export { renderHtml } from "./report/page"
export { renderText } from "./report/text"
export { defaultRounds, defaultWarmup, type RowsOptions, type RowsResult, runRows } from "./rows"
export { parseStore, readStore, type Store } from "./store"
