/** The HTTP cache. See front.ts for the story. */
export { type Asker, Front, type FrontOptions, type Read } from "./front"
export {
  type CdnTimes,
  defaultPolicies,
  matcherOf,
  type Policy,
  policiesOf,
  type RouteOptions,
} from "./policy"
export { type SurrogateHeader, surrogateHeaders } from "./surrogate"
