/**
 * `npm run demo`: the same store three times, without a cache, with Medusa's and with Pegasus, shopped in
 * side by side; the table, and a report to keep.
 */
import { type ChildProcess, fork, spawn } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { parseArgs } from "node:util"
import { cacheModes } from "./arguments"
import { DemoError, report, say } from "./errors"
import { dataFolder, demo, root } from "./places"

const usage = "Options: [--products N] [--rounds N] [--db-rtt MS]"
const defaults = { products: "500", rounds: "5", "db-rtt": "1" }
/** From the project's root. */
const reports = { json: join("reports", "demo.json"), html: join("reports", "demo.html") }
/** Short enough for a first look; `pegasus bench` has the long runs. */
const short = ["--warmup", "1", "--connections", "100", "--requests", "300"]

export async function main(args: string[]): Promise<void> {
  const stop = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop.abort())
  let code: number
  try {
    code = await runDemo(parse(args), stop.signal)
  } catch (error) {
    code = stop.signal.aborted ? 130 : report(error)
  }
  process.exit(code)
}

async function runDemo(options: typeof defaults, signal: AbortSignal): Promise<number> {
  const stores: ChildProcess[] = []
  try {
    const described: string[] = []
    for (const cache of cacheModes) {
      say(`starting the store, cache: ${cache}`)
      const { process: store, ready } = startStore(cache, options)
      stores.push(store)
      described.push(`${cache}=${keep(cache, await orAborted(ready, signal))}`)
    }
    mkdirSync(join(root, "reports"), { recursive: true })
    const code = await bench(described, options, signal)
    if (!signal.aborted) say(`the report: ${join(root, reports.html)}`)
    return code
  } finally {
    await Promise.all(stores.map(end))
    for (const cache of cacheModes) rmSync(readyFile(cache), { force: true })
  }
}

function startStore(cache: string, options: typeof defaults) {
  const { products, "db-rtt": rtt } = options
  const child = fork(
    join(demo, "bin", "store.js"),
    ["--cache", cache, "--products", products, "--db-rtt", rtt],
    {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    },
  )
  const ready = new Promise<string>((resolve, reject) => {
    let said = ""
    child.stdout!.on("data", (chunk) => {
      said += chunk
      const [, json] = /^READY (.*)\n/m.exec(said) ?? []
      if (json) resolve(json)
    })
    child.once("exit", () => {
      reject(new DemoError("DEMO_STORE_ENDED", `The store with cache ${cache} did not start.`, "See above."))
    })
  })
  return { process: child, ready }
}

/** Writes the description of a store where the bench reads it. */
function keep(cache: string, ready: string): string {
  writeFileSync(readyFile(cache), ready)
  return relative(root, readyFile(cache))
}

const readyFile = (cache: string) => join(dataFolder, `ready-${cache}-${process.pid}.json`)

function bench(
  stores: string[],
  { rounds, "db-rtt": rtt }: typeof defaults,
  signal: AbortSignal,
): Promise<number> {
  const args = [
    ...stores.flatMap((store) => ["--store", store]),
    ...["--rounds", rounds, ...short],
    ...["--note", `PostgreSQL and Redis are ${rtt} ms away.`],
    ...["--json", reports.json, "--html", reports.html],
  ]
  const child = spawn(process.execPath, [".medusa/server/src/cli/main.js", "bench", "all", ...args], {
    cwd: root,
    stdio: "inherit",
  })
  signal.addEventListener("abort", () => child.kill("SIGTERM"))
  return new Promise((resolve) => child.once("exit", (code) => resolve(signal.aborted ? 130 : (code ?? 1))))
}

/** Asks a store to end, and waits until it has. */
function end(store: ChildProcess): Promise<void> {
  if (store.exitCode !== null || store.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    store.once("exit", () => resolve())
    store.kill("SIGTERM")
  })
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject)
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener("abort", () => reject(signal.reason))
  })
}

function parse(args: string[]): typeof defaults {
  const text = { type: "string" } as const
  try {
    const { values } = parseArgs({ args, options: { products: text, rounds: text, "db-rtt": text } })
    return { ...defaults, ...values }
  } catch (error) {
    throw new DemoError("DEMO_ARGUMENTS", (error as Error).message, usage, 2)
  }
}
