/** Servers from Debian's packages: installed where that is permitted, else the test says what it would need. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { freePort } from "../../demo/run/ports"
import { until } from "./until"

const isRoot = process.getuid?.() === 0

/** @returns why not, or undefined when they are there */
export function missing(packages: readonly string[]): string | undefined {
  const lacking = packages.filter((name) => spawnSync("dpkg", ["-s", name]).status !== 0)
  if (lacking.length === 0) return undefined
  const command = ["apt-get", "install", "-y", "--no-install-recommends", ...lacking]
  if (isRoot) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    spawnSync("apt-get", ["update", "-q"], { env })
    if (spawnSync(command[0]!, command.slice(1), { env }).status === 0) return undefined
  }
  return `needs ${command.join(" ")}`
}

export interface Server {
  url: string
  stop(): Promise<void>
}

const programs = "/usr/lib/postgresql"

/** Debian's PostgreSQL, with hypopg and pg_stat_statements; its data ends with it. */
export async function startDebianPostgres(): Promise<Server> {
  const version = readdirSync(programs).sort().at(-1)!
  const program = (name: string) => join(programs, version, "bin", name)
  const { folder, as } = ownFolder("pegasus-postgres-", "postgres")
  const data = join(folder, "data")
  execFileSync(program("initdb"), ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"], {
    ...as,
    stdio: "ignore",
  })
  const port = await freePort()
  const settings = {
    listen_addresses: "127.0.0.1",
    shared_preload_libraries: "pg_stat_statements",
    unix_socket_directories: folder,
    fsync: "off",
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  const child = spawn(program("postgres"), ["-D", data, "-p", String(port), ...flags], {
    ...as,
    stdio: "ignore",
  })
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await until("PostgreSQL answers", () => answers(url))
  return { url, stop: () => ended(child, "SIGINT", folder) }
}

/** PgBouncer with this configuration; `{folder}` and `{port}` in it are filled in. */
export async function startPgBouncer(
  configuration: string,
  users: string,
): Promise<Server & { port: number }> {
  const { folder, as } = ownFolder("pegasus-pgbouncer-", "postgres")
  const port = await freePort()
  const file = join(folder, "pgbouncer.ini")
  const list = join(folder, "userlist.txt")
  writeFileSync(list, users)
  writeFileSync(
    file,
    configuration
      .replace(/^listen_port.*$/m, `listen_port = ${port}`)
      .replace(/^auth_file.*$/m, `auth_file = ${list}`)
      .replace(/^(logfile|pidfile|unix_socket_dir).*$/gm, "")
      .concat(`\nunix_socket_dir =\n`),
  )
  const child = spawn("/usr/sbin/pgbouncer", [file], { ...as, stdio: ["ignore", "ignore", "pipe"] })
  let said = ""
  child.stderr!.on("data", (chunk) => {
    said += chunk
  })
  await until("PgBouncer listens", () => {
    if (child.exitCode !== null) throw new Error(said)
    return said.includes("process up")
  })
  return { url: `127.0.0.1:${port}`, port, stop: () => ended(child, "SIGINT", folder) }
}

/** These servers refuse to run as root. */
function ownFolder(prefix: string, user: string) {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  if (!isRoot) return { folder, as: {} }
  const id = (flag: string) => Number(execFileSync("id", [flag, user], { encoding: "utf8" }))
  const as = { uid: id("-u"), gid: id("-g") }
  chownSync(folder, as.uid, as.gid)
  return { folder, as }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals, folder: string): Promise<void> {
  if (child.exitCode === null) {
    const end = once(child, "exit")
    child.kill(signal)
    await end
  }
  if (existsSync(folder)) rmSync(folder, { recursive: true })
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  client.on("error", () => undefined)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
