/**
 * One request of a store, watched: the built store is started beside whatever runs, asked twice, and stopped. The second
 * time is shown, since the first fills what a running store has filled long since; unless it asked nothing any more.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { join, relative, resolve, sep } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { DoctorError } from "../errors"
import { type Asked, groupBySite, insteadOf, leastRounds, loopsIn, type Site } from "./group"
import { header } from "./header"

export interface Trace {
  path: string
  status: number
  statements: number
  /** Milliseconds in the database, of all statements. */
  duration: number
  sites: Site[]
  /** Lines that ask once an element. */
  loops: (Site & { instead: string })[]
}

export interface TraceOptions {
  /** Of the store, where `medusa build` was run, or what it built. */
  folder: string
  /** Beginning with a slash. */
  path: string
  headers: Record<string, string>
  progress?: (text: string) => void
  signal?: AbortSignal
}

/** The longest a store may take to start, and one answer to come. Milliseconds. */
const limits = { start: 120_000, answer: 60_000 }

/** @throws DoctorError */
export async function traceRequest(options: TraceOptions): Promise<Trace> {
  const { path, headers, progress = () => undefined, signal } = options
  const project = resolve(options.folder)
  const built = [project, join(project, ".medusa", "server")].find((one) =>
    existsSync(join(one, "medusa-config.js")),
  )
  if (built === undefined) {
    throw new DoctorError(
      "DOCTOR_SOURCE_MISSING",
      `There is no built store in ${project}.`,
      "Run medusa build there first.",
    )
  }
  progress("starting the store")
  const port = await freePort()
  const said: string[] = []
  const store = fork(
    createRequire(join(built, "package.json")).resolve("@medusajs/cli/cli.js"),
    ["start", "--port", String(port)],
    {
      cwd: built,
      execArgv: ["--enable-source-maps", "--require", require.resolve("./preload")],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // With Pegasus nothing is asked ahead: each statement is that of the line that asks it.
      env: { NODE_ENV: "production", MEDUSA_DISABLE_TELEMETRY: "1", ...process.env, PEGASUS_TRACE: "1" },
    },
  )
  for (const stream of [store.stdout!, store.stderr!]) stream.on("data", (chunk) => said.push(String(chunk)))
  const ended = once(store, "exit")
  const cut = () => store.kill("SIGKILL")
  signal?.addEventListener("abort", cut)
  try {
    const url = `http://127.0.0.1:${port}`
    await untilHealthy(url, store, said, signal)
    progress("asking")
    const watched = async () => {
      const told = once(store, "message") as Promise<[{ trace: Asked[] }]>
      const status = await ask(`${url}${path}`, { ...headers, [header]: "1" }, signal)
      const [{ trace }] = await Promise.race([told, ended.then(() => silent(said))])
      return { status, trace }
    }
    const first = await watched()
    const second = await watched()
    // An answer that is kept asks nothing.
    const { status, trace } = second.trace.length > 0 ? second : first
    return traceOf(path, status, trace, project)
  } finally {
    signal?.removeEventListener("abort", cut)
    if (isAlive(store)) {
      store.kill("SIGTERM")
      const killing = setTimeout(cut, 5_000)
      await ended
      clearTimeout(killing)
    }
  }
}

const isAlive = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null

function silent(said: readonly string[]): never {
  throw new DoctorError(
    "DOCTOR_STORE_SILENT",
    `The store did not start, or ended:\n${said.join("").slice(-2_000)}\n`,
    "Give it the environment that medusa start needs.",
  )
}

function traceOf(path: string, status: number, asked: readonly Asked[], project: string): Trace {
  const own = (file: string) =>
    file.startsWith(project + sep) && !file.includes(`${sep}node_modules${sep}`)
      ? relative(project, file).replace(/^\.medusa\/server\//, "")
      : undefined
  const sites = groupBySite(asked, own)
  return {
    path,
    status,
    statements: asked.length,
    duration: asked.reduce((sum, { duration }) => sum + duration, 0),
    sites,
    loops: loopsIn(sites).map((site) => ({ ...site, instead: insteadOf(site) })),
  }
}

async function untilHealthy(
  url: string,
  store: ChildProcess,
  said: string[],
  signal: AbortSignal | undefined,
) {
  const deadline = performance.now() + limits.start
  while (performance.now() < deadline && isAlive(store)) {
    signal?.throwIfAborted()
    const isHealthy = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isHealthy) return
    await sleep(100)
  }
  signal?.throwIfAborted()
  silent(said)
}

async function ask(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const timeout = AbortSignal.timeout(limits.answer)
  const response = await fetch(url, {
    headers,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  })
  await response.arrayBuffer()
  return response.status
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}

export function renderTrace({ path, status, statements, duration, sites, loops }: Trace): string {
  const lines = [
    `${path}: status ${status}, ${statements} statements, ${duration.toFixed(1)} ms in the database`,
  ]
  for (const { place, shapes } of sites) {
    lines.push("", place ?? "Medusa itself")
    for (const { text, calls, duration } of shapes) {
      lines.push(
        `  ${String(calls).padStart(3)} x ${duration.toFixed(1).padStart(7)} ms  ${text.slice(0, 140)}`,
      )
    }
  }
  if (loops.length === 0)
    return [...lines, "", `No line asks the same ${leastRounds} times or more.`].join("\n")
  for (const { place, shapes, instead } of loops) {
    const calls = shapes.reduce((sum, shape) => sum + shape.calls, 0)
    lines.push(
      "",
      `A loop: ${place} asks ${calls} statements, ${shapes.length} a round. Once would do, before it:`,
      `  ${instead}`,
    )
  }
  return lines.join("\n")
}
