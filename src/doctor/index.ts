/** What is slow in a store's PostgreSQL, and the fix. */
export { type Finding, type Severity, severities } from "./check"
export { type Diagnosis, type DoctorOptions, examine } from "./doctor"
export { DoctorError, type DoctorErrorCode, doctorErrorCodes } from "./errors"
export { migrationOf, writeMigration } from "./migration"
export { type PgBouncerOptions, pgbouncerConfiguration } from "./pgbouncer"
export { renderPage } from "./report/page"
export { renderText } from "./report/text"
