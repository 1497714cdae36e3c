/** Where the demo keeps its things. */
import { createHash } from "node:crypto"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

export const root = resolve(__dirname, "..", "..")
export const demo = join(root, "demo")
/** Data that outlives a run; ignored by git. */
export const dataFolder = join(demo, ".data")
export const logFolder = join(dataFolder, "logs")
/** The built store, from which it runs as in production. */
export const builtStore = join(demo, ".medusa", "server")
export const medusaCli = join(root, "node_modules", "@medusajs", "cli", "cli.js")

export const pegasusCli = join(root, ".medusa", "server", "src", "cli", "main.js")

/** To be loaded before Medusa. */
export const leash = join(root, "scripts", "leash.js")
export const medusaVersion: string = require("@medusajs/medusa/package.json").version

/** Short, because the path of a socket may have about a hundred characters; one for each clone. */
export const cloneId = createHash("sha1").update(root).digest("hex").slice(0, 10)
export const keeperSocket = join(tmpdir(), `pegasus-demo-${cloneId}.sock`)
