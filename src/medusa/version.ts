/** Which Medusa is this, and do we know it? */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { PegasusError } from "../engine"

/** The first with a Caching Module. */
const oldest = "2.11.0"
/** The newest the suite has run against. */
export const newestTested = "2.21.2"

/**
 * @returns the version of the Medusa that the project in `directory` uses
 * @throws PegasusError PEGASUS_MEDUSA_NOT_FOUND
 */
export function findMedusaVersion(directory: string): string {
  const require = createRequire(join(directory, "medusa-config.ts"))
  try {
    const manifest = require.resolve("@medusajs/medusa/package.json")
    return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version
  } catch (cause) {
    throw new PegasusError(
      "PEGASUS_MEDUSA_NOT_FOUND",
      `No @medusajs/medusa can be found from ${directory}.`,
      "Start the store from the folder that holds its medusa-config, with its packages installed.",
      cause,
    )
  }
}

/**
 * @returns a warning when this Medusa is newer than the tested ones, else undefined
 * @throws PegasusError PEGASUS_MEDUSA_TOO_OLD
 */
export function checkMedusaVersion(version: string): string | undefined {
  if (compare(version, oldest) < 0) {
    throw new PegasusError(
      "PEGASUS_MEDUSA_TOO_OLD",
      `Medusa ${version} has no Caching Module.`,
      `Upgrade the @medusajs packages to ${oldest} or newer, or take withPegasus out of medusa-config.ts.`,
    )
  }
  if (compare(version, newestTested) > 0) {
    return `Pegasus was tested up to Medusa ${newestTested}; this is ${version}. Look for a newer medusa-pegasus.`
  }
  return undefined
}

function compare(a: string, b: string): number {
  const parts = (version: string) => version.split(/[.-]/, 3).map(Number)
  const [left, right] = [parts(a), parts(b)]
  for (let index = 0; index < 3; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
