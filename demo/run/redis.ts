/** Redis: the one that is named, else a server on this machine, else one installed if that is permitted. */
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { DemoError, say } from "./errors"
import type { Service } from "./keeper"
import { dataFolder } from "./places"
import { freePort } from "./ports"

const servers = ["redis-server", "valkey-server"]

/** How each package manager installs it, in the order of asking. */
const installers: { manager: string; commands: string[][] }[] = [
  {
    manager: "apt-get",
    commands: [
      ["apt-get", "update"],
      ["apt-get", "install", "-y", "--no-install-recommends", "redis-server"],
    ],
  },
  { manager: "dnf", commands: [["dnf", "install", "-y", "valkey"]] },
  { manager: "apk", commands: [["apk", "add", "redis"]] },
  { manager: "brew", commands: [["brew", "install", "redis"]] },
]

export type RedisServer = Service & { pid: number; port: number }

/**
 * A Redis on this machine, of one's own.
 * @param options for the server; a path of a configuration comes first
 * @throws DemoError when none can be had
 */
export async function startRedis(port?: number, options: string[] = []): Promise<RedisServer> {
  const program = findServer() ?? installServer()
  port ??= await freePort()
  mkdirSync(dataFolder, { recursive: true })
  const child = spawn(
    program,
    [
      ...options,
      ...["--port", String(port), "--bind", "127.0.0.1"],
      ...["--save", "", "--appendonly", "no", "--dir", dataFolder],
      // Its environment stays readable, by which the tests find what a command has left behind.
      ...["--set-proc-title", "no"],
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  )
  let ended = false
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      ended = true
      resolve()
    }
    child.once("exit", end)
    child.once("error", end)
  })
  while (!(await answers(port))) {
    if (ended) throw unavailable(`${program} ended as soon as it was started.`)
    await sleep(50)
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid!,
    port,
    stop: () => {
      child.kill("SIGTERM")
      return exited
    },
  }
}

function findServer(): string | undefined {
  return servers.find((name) => spawnSync(name, ["--version"]).status === 0)
}

function installServer(): string {
  const installer = installers.find(({ manager }) => spawnSync(manager, ["--version"]).status === 0)
  if (!installer) throw unavailable("No Redis is on this machine, and no package manager is known here.")
  const become = privilege(installer.manager)
  if (!become)
    throw unavailable("No Redis is on this machine, and installing one is not permitted.", installer)
  say(`installing Redis (${installer.commands.at(-1)!.join(" ")})`)
  for (const command of installer.commands) {
    const [name, ...args] = [...become, ...command]
    spawnSync(name!, args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    })
  }
  const program = findServer()
  if (!program) throw unavailable("Installing Redis did not work.", installer)
  return program
}

/** What to put before a command that installs; undefined when it is not permitted. */
function privilege(manager: string): string[] | undefined {
  if (manager === "brew" || process.getuid?.() === 0) return []
  return spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : undefined
}

function unavailable(message: string, installer = installers[0]!): DemoError {
  const sudo = installer.manager === "brew" ? "" : "sudo "
  const command = `${sudo}${installer.commands.at(-1)!.join(" ")}`
  return new DemoError("DEMO_REDIS", message, `Run "${command}", or set REDIS_URL to one that runs.`)
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("error", () => resolve(false))
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })
}
