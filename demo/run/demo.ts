/**
 * `npm run demo`: the same store three times, without a cache, with Medusa's and with Pegasus, shopped in
 * side by side; the table, and a report to keep.
 */
import { type ChildProcess, fork, spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { cacheModes } from "./arguments"
import { DemoError, report, say } from "./errors"
import { dataFolder, demo, root } from "./places"

const usage = "Options: [--products N] [--rounds N] [--db-rtt MS]"
/** Short enough for a first look; `pegasus bench` has the long runs. */
const defaults = { products: "500", rounds: "8", "db-rtt": "1" }
const shortLoad = ["--connections", "100", "--requests", "600"]

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
    const reports = join(root, "reports")
    mkdirSync(reports, { recursive: true })
    const html = join(reports, "demo.html")
    const code = await bench(described, options, join(reports, "demo.json"), html, signal)
    say(`the report: ${html}`)
    return code
  } finally {
    await Promise.all(stores.map(end))
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
  const file = join(dataFolder, `ready-${cache}.json`)
  writeFileSync(file, ready)
  return file
}

function bench(
  stores: string[],
  { rounds, "db-rtt": rtt }: typeof defaults,
  json: string,
  html: string,
  signal: AbortSignal,
): Promise<number> {
  const note = `PostgreSQL and Redis are ${rtt} ms away.`
  const args = ["bench", "all", ...stores.flatMap((store) => ["--store", store]), "--rounds", rounds]
  const child = spawn(
    process.execPath,
    [
      join(root, ".medusa/server/src/cli/main.js"),
      ...args,
      ...shortLoad,
      "--note",
      note,
      "--json",
      json,
      "--html",
      html,
    ],
    { stdio: "inherit" },
  )
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
