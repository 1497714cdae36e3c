/** The demo store as a user starts it, and everything it started, seen from outside. */
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Facts } from "../../demo/run/database"
import { until } from "./until"

export const root = resolve(__dirname, "..", "..")

export interface Ready extends Facts {
  url: string
  databaseUrl: string
  redisUrl: string
  cache: string
  pid: number
  /** Of the proxy before it, if there is one. */
  proxyPid?: number
}

export interface Command {
  process: ChildProcess
  stdout(): string
  stderr(): string
  /** The exit code, when it has ended. */
  ended: Promise<number | null>
  /** The processes it started, directly or not, that are alive. */
  descendants(): string[]
}

/** Runs a script of the project as a terminal would: in a process group of its own. */
export function command(script: string, args: string[], env: Record<string, string> = {}): Command {
  const mark = `PEGASUS_TEST_MARK=${randomUUID()}`
  const [name, value] = mark.split("=") as [string, string]
  const child = spawn("npm", ["run", "--silent", script, "--", ...args], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, REDIS_URL: "", ...env, [name]: value },
  })
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (chunk) => {
    stdout += chunk
  })
  child.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended: new Promise((resolve) => child.once("close", (code) => resolve(code))),
    descendants: () => processesWith(mark),
  }
}

/** `proxy`: as `pegasus`, with `pegasus proxy` before it. */
export type Kind = "off" | "medusa" | "pegasus" | "proxy"

/** The options of `npm run store` for it. */
export const optionsOf = (kind: Kind): string[] =>
  kind === "proxy" ? ["--cache", "pegasus", "--proxy"] : ["--cache", kind]

/** Starts a store and waits until it is ready. */
export async function startStore(
  args: string[],
  env?: Record<string, string>,
): Promise<{ ready: Ready; stop(): Promise<void> } & Command> {
  const started = command("store", ["--products", "20", ...args], env)
  let ended = false
  started.ended.then(() => {
    ended = true
  })
  await until(
    "the store is ready",
    () => {
      if (ended) throw new Error(`The store ended.\n${started.stderr()}`)
      return started.stdout().includes("READY")
    },
    120_000,
  )
  const [, json] = /^READY (.*)$/m.exec(started.stdout())!
  return {
    ...started,
    ready: JSON.parse(json!) as Ready,
    stop: async () => {
      process.kill(-started.process.pid!, "SIGTERM")
      await started.ended
    },
  }
}

/** Every process whose environment holds the mark, as its command line. */
function processesWith(mark: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(join("/proc", pid, "environ"), "utf8").includes(mark)) return []
        return [`${pid} ${readFileSync(join("/proc", pid, "cmdline"), "utf8").replaceAll("\0", " ")}`]
      } catch {
        return []
      }
    })
}
