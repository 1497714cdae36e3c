/** `npm run store`: one real store in production mode, from nothing to a READY line. */
import { fork } from "node:child_process"
import { mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { type Chaos, chaos } from "../../src/testing/chaos"
import { parseArguments, type StoreOptions } from "./arguments"
import { createDatabase, fillDatabase, postgresVersion } from "./database"
import { DemoError, report, say } from "./errors"
import { growDatabase } from "./grow"
import type { ServiceName } from "./keeper"
import { builtStore, leash, logFolder, medusaCli, medusaVersion, pegasusCli } from "./places"
import { freePort, isFree } from "./ports"
import { need } from "./services"

/** The longest a store may take to start, and to stop. Milliseconds. */
const startLimit = 60_000
const stopLimit = 8_000

export async function main(args: string[]): Promise<void> {
  const stop = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "disconnect"]) {
    process.on(signal, () => stop.abort())
  }
  try {
    await runStore(parseArguments(args), stop.signal)
    process.exit(0)
  } catch (error) {
    process.exit(stop.signal.aborted ? 0 : report(error))
  }
}

/** Runs until the signal, or until the store ends by itself. */
async function runStore(options: StoreOptions, signal: AbortSignal): Promise<void> {
  if (options.port !== undefined && !(await isFree(options.port))) {
    throw new DemoError("DEMO_PORT_TAKEN", `Port ${options.port} is in use.`, "Choose another with --port.")
  }
  const wanted: ServiceName[] = []
  if (!options.databaseUrl) wanted.push("postgres")
  if (!options.redisUrl) wanted.push("redis")
  const services = await need(wanted)
  const detours: Chaos[] = []
  try {
    signal.throwIfAborted()
    const databaseUrl =
      options.databaseUrl ?? (await createDatabase(services.urls.postgres, options.products, options.orders))
    const redisUrl = options.redisUrl ?? services.urls.redis
    const facts = await fillDatabase(databaseUrl, options.products, signal)
    if (options.orders > 0) await growDatabase(databaseUrl, options.orders, signal)

    const far = async (url: string) => {
      if (options.dbRtt === 0) return url
      const detour = await chaos(url)
      detour.delay(options.dbRtt)
      detours.push(detour)
      return detour.url
    }
    const port = options.port ?? (await freePort())
    const env = environmentOf(options, await far(databaseUrl), await far(redisUrl))
    const url = `http://localhost:${port}`
    const started: Program[] = []
    const start = async (name: string, program: string, args: string[], at: string) => {
      const one = startProgram(`${name}-${port}`, program, args, env)
      started.push(one)
      await Promise.race([untilHealthy(at, signal), one.ended.then(unexpected)])
      return one
    }
    try {
      const inner = options.proxy ? await freePort() : port
      const storeUrl = `http://localhost:${inner}`
      const store = await start(
        `store-${options.cache}`,
        medusaCli,
        ["start", "--port", String(inner)],
        storeUrl,
      )
      const proxy =
        options.proxy &&
        (await start("proxy", pegasusCli, ["proxy", "--upstream", storeUrl, "--port", String(port)], url))
      const versions = { medusa: medusaVersion, postgresql: await postgresVersion(databaseUrl) }
      const ready = {
        ...{ url, ...facts, databaseUrl, redisUrl, cache: options.cache, pid: store.pid, versions },
        ...(proxy && { proxyPid: proxy.pid }),
      }
      process.stdout.write(`READY ${JSON.stringify(ready)}\n`)
      const code = await Promise.race([...started.map(({ ended }) => ended), aborted(signal)])
      if (code)
        throw new DemoError("DEMO_STORE_ENDED", `The store ended with exit code ${code}.`, "See its log.")
    } finally {
      await Promise.all(started.map(({ stop }) => stop()))
    }
  } finally {
    for (const detour of detours) detour.close()
    await services.release()
  }
}

const environmentOf = ({ cache, modules }: StoreOptions, databaseUrl: string, redisUrl: string) => ({
  ...process.env,
  NODE_ENV: "production",
  MEDUSA_DISABLE_TELEMETRY: "1",
  DATABASE_URL: databaseUrl,
  PEGASUS_DEMO_CACHE: cache,
  PEGASUS_DEMO_MODULES: modules,
  PEGASUS_DEMO_REDIS_URL: redisUrl,
})

interface Program {
  pid: number | undefined
  /** Its exit code, when it has ended. */
  ended: Promise<number>
  stop(): Promise<void>
}

/** Runs in the built store. */
function startProgram(name: string, program: string, args: string[], env: NodeJS.ProcessEnv): Program {
  const log = process.stderr.isTTY ? 2 : openLog(name)
  const child = fork(program, args, {
    cwd: builtStore,
    execArgv: ["--require", leash],
    stdio: ["ignore", log, log, "ipc"],
    env,
  })
  const ended = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)))
  return {
    pid: child.pid,
    ended,
    async stop() {
      child.kill("SIGTERM")
      const killing = setTimeout(() => child.kill("SIGKILL"), stopLimit)
      await ended
      clearTimeout(killing)
    },
  }
}

function openLog(name: string): number {
  mkdirSync(logFolder, { recursive: true })
  const file = join(logFolder, `${name}.log`)
  say(`it writes its log to ${file}`)
  return openSync(file, "w")
}

async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + startLimit
  while (Date.now() < deadline) {
    signal.throwIfAborted()
    const healthy = await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    )
    if (healthy) return
    await sleep(100)
  }
  throw new DemoError("DEMO_START_TIMEOUT", "The store did not start in time.", "See what it printed.")
}

function unexpected(): never {
  throw new DemoError(
    "DEMO_STORE_ENDED",
    "The store ended while it started.",
    "See what it printed above or in its log.",
  )
}

/** 0, as one who was asked to end ends well. */
function aborted(signal: AbortSignal): Promise<0> {
  if (signal.aborted) return Promise.resolve(0)
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(0), { once: true }))
}
