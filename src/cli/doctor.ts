import { writeFile } from "node:fs/promises"
import { DoctorError, examine, renderPage, renderText, severities, writeMigration } from "../doctor"
import { type DoctorArguments, UsageError } from "./arguments"

export interface DoctorCall {
  arguments: DoctorArguments
  /** Of the environment. */
  databaseUrl: string | undefined
  print(text: string): void
  /** Of what is being looked at; empty at the end. */
  progress(text: string): void
  signal: AbortSignal
}

/**
 * @returns whether nothing was found that `--fail-on` names
 * @throws UsageError without a database; DoctorError
 */
export async function doctor({
  arguments: given,
  databaseUrl,
  print,
  progress,
  signal,
}: DoctorCall): Promise<boolean> {
  const url = given.databaseUrl ?? databaseUrl
  if (url === undefined) {
    throw new UsageError("doctor needs --database-url, or DATABASE_URL in the environment.")
  }
  const { mayTry, isJson, html, migrations, failOn } = given
  const diagnosis = await examine({ databaseUrl: url, mayTry, progress, signal }).finally(() => progress(""))
  print(isJson ? JSON.stringify(diagnosis, undefined, 2) : renderText(diagnosis))
  if (html !== undefined) {
    await writeFile(html, renderPage(diagnosis)).catch((cause: unknown) => {
      throw new DoctorError(
        "DOCTOR_UNWRITABLE",
        `${html} could not be written.`,
        "Choose another place.",
        cause,
      )
    })
  }
  if (migrations !== undefined) {
    const file = await writeMigration(diagnosis.findings, migrations, new Date(diagnosis.date))
    if (!isJson) print(file === undefined ? "\nNothing to migrate." : `\nWritten: ${file}`)
  }
  const least = failOn === undefined ? -1 : severities.indexOf(failOn)
  return !diagnosis.findings.some(({ severity }) => severities.indexOf(severity) <= least)
}
