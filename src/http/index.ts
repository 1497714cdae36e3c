/** The HTTP cache. See front.ts for the story. */
export { AccessLog } from "./access-log"
export { crossOriginOf } from "./cross-origin"
export { Front, type FrontOptions, type Next } from "./front"
export type { Named } from "./naming"
export {
  type CdnTimes,
  defaultPolicies,
  matcherOf,
  type Policy,
  policiesOf,
  type RouteOptions,
} from "./policy"
export { type Asker, type Read, RenderingFront, type RenderingOptions } from "./rendering"
export { hasBody, isRead } from "./request"
export { type SurrogateHeader, surrogateHeaders } from "./surrogate"
