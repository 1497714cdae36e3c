import { existsSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import {
  askStore,
  type Diagnosis,
  DoctorError,
  examine,
  renderPage,
  renderRoadmap,
  renderText,
  roadmapOf,
  type StoreSettings,
  severities,
  writeMigration,
} from "../doctor"
import { type DoctorArguments, UsageError } from "./arguments"
import { describedBy } from "./beside-store"

export interface DoctorCall {
  arguments: DoctorArguments
  /** Of the environment. */
  databaseUrl: string | undefined
  /** Where the command runs. */
  folder: string
  print(text: string): void
  /** Of what is being looked at; empty at the end. */
  progress(text: string): void
  signal: AbortSignal
}

/**
 * @returns whether nothing was found that `--fail-on` names
 * @throws UsageError with neither a database nor a store; DoctorError; what the store's configuration throws
 */
export async function doctor(call: DoctorCall): Promise<boolean> {
  const { arguments: given, folder, print, progress, signal } = call
  const { settings, hidden } = await settingsOf(given.store, folder, signal)
  const databaseUrl = given.databaseUrl ?? call.databaseUrl ?? settings?.databaseUrl
  if (databaseUrl === undefined && settings === undefined) {
    throw new UsageError("doctor needs --database-url, DATABASE_URL in the environment, or a store's folder.")
  }
  const { mayTry, isJson, html, migrations, failOn, isPlan, url, headers } = given
  const diagnosis = await examine({ databaseUrl, settings, hidden, mayTry, progress, signal }).finally(() =>
    progress(""),
  )
  if (isPlan) {
    const live = url === undefined ? undefined : await askStore(url, headers, signal)
    const steps = roadmapOf({ diagnosis, settings, live })
    print(isJson ? JSON.stringify(steps, undefined, 2) : renderRoadmap(steps))
  } else {
    print(isJson ? JSON.stringify(diagnosis, undefined, 2) : renderText(diagnosis))
  }
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

/** Of the store that is named, or of the one here if it is built. */
async function settingsOf(
  store: string | undefined,
  folder: string,
  signal: AbortSignal,
): Promise<{ settings?: StoreSettings; hidden?: Diagnosis["hidden"] }> {
  const read = (place: string) =>
    describedBy<StoreSettings>(require.resolve("../medusa/describe-settings"), place, signal)
  if (store !== undefined) return { settings: await read(store) }
  const isHere = [folder, join(folder, ".medusa", "server")].some((one) =>
    existsSync(join(one, "medusa-config.js")),
  )
  if (!isHere) return {}
  try {
    return { settings: await read(folder) }
  } catch (error) {
    signal.throwIfAborted()
    return { hidden: [{ what: "the settings of the store here", remedy: (error as Error).message }] }
  }
}
