/** Every error the doctor raises on purpose, and what it means. */
export const doctorErrorCodes = {
  DOCTOR_URL_INVALID: "The address of the database is not one of PostgreSQL.",
  DOCTOR_UNREACHABLE: "No server answers at the address of the database.",
  DOCTOR_REFUSED: "The server does not let this role in, or has no such database.",
  DOCTOR_NOT_MEDUSA: "The database holds no Medusa v2 store.",
  DOCTOR_TOO_OLD: "The server is older than PostgreSQL 13.",
  DOCTOR_STORE_SILENT: "The running store does not answer, or not as a store does.",
  DOCTOR_UNWRITABLE: "A report or a migration could not be written.",
  DOCTOR_SOURCE_MISSING: "There is no source of a store where it was looked for.",
} as const

export type DoctorErrorCode = keyof typeof doctorErrorCodes

export class DoctorError extends Error {
  readonly code: DoctorErrorCode
  readonly remedy: string

  constructor(code: DoctorErrorCode, message: string, remedy: string, cause?: unknown) {
    super(`${message} ${remedy} [${code}]`, cause === undefined ? undefined : { cause })
    this.name = "DoctorError"
    this.code = code
    this.remedy = remedy
  }
}
