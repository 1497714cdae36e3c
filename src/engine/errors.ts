/**
 * Every error Pegasus raises on purpose: a stable code, what went wrong, and what to change.
 * The table in docs/reference/errors.md is held equal to this one by a test.
 */
export const errorCodes = {
  PEGASUS_OPTIONS_INVALID: "An option of withPegasus is unknown or malformed.",
  PEGASUS_MEDUSA_TOO_OLD: "This Medusa has no Caching Module; Pegasus needs 2.11 or newer.",
  PEGASUS_MEDUSA_NOT_FOUND: "No Medusa is installed where the store starts.",
  PEGASUS_CONFIG_INVALID: "withPegasus was not given a Medusa configuration, or a store was not made by it.",
  PEGASUS_STORE_NOT_FOUND: "There is no built store where the command runs.",
  PEGASUS_PROXY_UNFIT: "The proxy cannot serve a store with these options.",
  PEGASUS_PROVIDER_UNKNOWN: "A cache call names a provider this store does not declare.",
  PEGASUS_KEY_MISSING: "A cache call has neither a key nor tags.",
  PEGASUS_VALUE_UNDEFINED: "undefined was offered as a value; absence cannot be cached.",
  PEGASUS_PARAMETER_VOLATILE: "A parameter of withCache is a Date: a key nobody would ask for again.",
  PEGASUS_REDIS_URL_INVALID: "The address of Redis is of no known form.",
  PEGASUS_TTL_INVALID: "A time to live is not a positive number.",
} as const

export type ErrorCode = keyof typeof errorCodes

export class PegasusError extends Error {
  readonly code: ErrorCode
  readonly remedy: string

  constructor(code: ErrorCode, message: string, remedy: string, cause?: unknown) {
    super(`${message} ${remedy} [${code}]`, cause === undefined ? undefined : { cause })
    this.name = "PegasusError"
    this.code = code
    this.remedy = remedy
  }
}
