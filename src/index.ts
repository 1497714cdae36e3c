/** The front door of medusa-pegasus: the one line of adoption, its options, the codes of its errors. */
export { type ErrorCode, errorCodes, PegasusError } from "./engine"
export type { PegasusOptions } from "./medusa/options"
export { withPegasus } from "./medusa/with-pegasus"
