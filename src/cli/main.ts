#!/usr/bin/env node
import { readFileSync } from "node:fs"
import { auditFolder, pgbouncerConfiguration, renderLoops, renderTrace, traceRequest } from "../doctor"
import { help, parseArguments, UsageError } from "./arguments"
import { bench } from "./bench"
import { doctor } from "./doctor"
import { explain } from "./explain"
import { feed } from "./feed"
import { proxy } from "./proxy"
import { warm } from "./warm"

const argv = process.argv.slice(2)
const abort = new AbortController()
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => abort.abort())

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    if (abort.signal.aborted) {
      process.exitCode = 130
      return
    }
    process.stderr.write(`pegasus: ${error instanceof Error ? error.message : String(error)}\n`)
    if (error instanceof UsageError) process.stderr.write("See pegasus --help\n")
    process.exitCode = error instanceof UsageError ? 2 : 1
  },
)

async function main(): Promise<number> {
  const given = parseArguments(argv)
  switch (given.command) {
    case "help":
      process.stdout.write(help)
      return 0
    case "version":
      process.stdout.write(`${ownVersion()}\n`)
      return 0
    case "bench": {
      const versions = { "medusa-pegasus": ownVersion() }
      const right = await bench({
        arguments: given,
        commandLine: commandLine(),
        versions,
        signal: abort.signal,
      })
      return right ? 0 : 1
    }
    case "doctor": {
      const { DATABASE_URL: databaseUrl } = process.env
      const folder = process.cwd()
      const isFit = await doctor({
        arguments: given,
        databaseUrl,
        folder,
        print,
        progress: showProgress,
        signal: abort.signal,
      })
      return isFit ? 0 : 1
    }
    case "feed": {
      const isWhole = await feed({ arguments: given, databaseUrl: process.env.DATABASE_URL, print })
      return isWhole ? 0 : 1
    }
    case "audit": {
      const loops = auditFolder(given.folder)
      process.stdout.write(`${given.isJson ? JSON.stringify(loops, undefined, 2) : renderLoops(loops)}\n`)
      return loops.length > 0 ? 1 : 0
    }
    case "trace": {
      const { path, store: folder, headers, isJson } = given
      const trace = await traceRequest({
        folder,
        path,
        headers,
        progress: showProgress,
        signal: abort.signal,
      })
      showProgress("")
      process.stdout.write(`${isJson ? JSON.stringify(trace, undefined, 2) : renderTrace(trace)}\n`)
      return trace.loops.length > 0 ? 1 : 0
    }
    case "pgbouncer": {
      const url = given.databaseUrl ?? process.env.DATABASE_URL
      if (url === undefined)
        throw new UsageError("pgbouncer needs --database-url, or DATABASE_URL in the environment.")
      const { processes, pool } = given
      process.stdout.write(
        await pgbouncerConfiguration({ databaseUrl: url, processes, pool, signal: abort.signal }),
      )
      return 0
    }
    case "explain": {
      return (await explain({ arguments: given, print, signal: abort.signal })) ? 0 : 1
    }
    case "proxy": {
      const print = (text: string) => void process.stderr.write(`pegasus: ${text}\n`)
      await proxy({ arguments: given, folder: process.cwd(), print, signal: abort.signal })
      return 0
    }
    case "warm": {
      const { isTTY } = process.stderr
      const progress = (text: string) => void process.stderr.write(isTTY ? `\r${text}` : `${text}\n`)
      const isRight = await warm({ arguments: given, progress, signal: abort.signal })
      if (isTTY) process.stderr.write("\n")
      return isRight ? 0 : 1
    }
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Of what is being done, where somebody watches; empty at the end. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text && `pegasus: ${text}`}`)
}

function ownVersion(): string {
  return JSON.parse(readFileSync(require.resolve("medusa-pegasus/package.json"), "utf8")).version
}

/** What was typed, but for the descriptions of stores: they may hold passwords. */
function commandLine(): string {
  const shown = argv.map((word) => word.replace(/=(READY\s+)?\{[\s\S]*$/, "={…}"))
  return ["pegasus", ...shown.map((word) => (/\s/.test(word) ? JSON.stringify(word) : word))].join(" ")
}
