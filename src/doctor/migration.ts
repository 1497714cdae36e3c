/** Remedies as a migration script of the store: `medusa db:migrate` runs each once (Medusa 2.21.2, docs "Migration scripts"). */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Finding } from "./check"
import { DoctorError } from "./errors"

/** @returns the text of the script, or undefined when nothing belongs into a migration */
export function migrationOf(findings: readonly Finding[]): string | undefined {
  const fixes = findings.flatMap(({ subject, what, fix }) =>
    fix?.isMigration ? [{ subject, what, fix }] : [],
  )
  if (fixes.length === 0) return undefined
  const written = new Set<string>()
  const steps = fixes.map(({ what, fix }) => {
    const sql = fix.sql.filter((one) => !written.has(one))
    for (const one of sql) written.add(one)
    const remark = fix.remark ? [`  // ${onOneLine(fix.remark)}`] : []
    return [`  // ${onOneLine(what)}`, ...remark, ...sql.map((one) => `  ${JSON.stringify(one)},`)].join("\n")
  })
  const undo = fixes.flatMap(({ fix }) => fix.undo.map((sql) => `//   ${onOneLine(sql)};`))
  return `import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

/** Written by pegasus doctor. Each statement runs by itself, outside a transaction: indexes are built beside the writers. */
const statements = [
${steps.join("\n")}
]

// To take it back:
${undo.join("\n")}

export default async function tune({ container }: { container: MedusaContainer }): Promise<void> {
  const knex = container.resolve(ContainerRegistrationKeys.PG_CONNECTION)
  const logger = container.resolve(ContainerRegistrationKeys.LOGGER)
  for (const statement of statements) {
    logger.info(statement)
    await knex.raw(statement)
  }
}
`
}

/** A comment ends with its line: names may hold anything. */
const onOneLine = (text: string) => text.replace(/[\r\n\u2028\u2029]+/g, " ")

/** @returns the file it wrote, if there was something to write. @throws DoctorError */
export async function writeMigration(
  findings: readonly Finding[],
  folder: string,
  date: Date,
): Promise<string | undefined> {
  const text = migrationOf(findings)
  if (text === undefined) return undefined
  const stamp = date.toISOString().replace(/\D/g, "").slice(0, 14)
  const file = join(folder, `pegasus-tune-${stamp}.ts`)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(file, text)
  } catch (cause) {
    throw new DoctorError(
      "DOCTOR_UNWRITABLE",
      `${file} could not be written.`,
      "Choose another folder.",
      cause,
    )
  }
  return file
}
