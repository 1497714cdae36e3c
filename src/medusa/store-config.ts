/**
 * A store's own configuration, for a command that runs beside it.
 *
 * The seam: `medusa-config` as Medusa itself loads it (utils/dist/common/get-config-file.js, 2.21.2) from the folder in which
 * `medusa start` runs.
 */
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { getConfigFile } from "@medusajs/framework/utils"
import { PegasusError } from "../engine"

/**
 * @param folder where `medusa start` runs, or the project above it
 * @throws PegasusError PEGASUS_STORE_NOT_FOUND; what the configuration throws
 */
export async function loadConfig<Config extends object>(folder: string): Promise<Config> {
  const place = [".", join(".medusa", "server")]
    .map((one) => resolve(folder, one))
    .find((one) => existsSync(join(one, "medusa-config.js")))
  if (place === undefined) {
    throw new PegasusError(
      "PEGASUS_STORE_NOT_FOUND",
      `There is no built store in ${folder}.`,
      "Run the command where medusa start runs, after medusa build.",
    )
  }
  // Modules of the store's own are looked for from here (define-config.js).
  process.chdir(place)
  const { configModule, error } = await getConfigFile<Config>(place, "medusa-config")
  if (error) throw error
  return configModule
}
