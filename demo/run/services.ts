/** The side of those who need a service: asks the keeper, starting one when there is none. */
import { spawn } from "node:child_process"
import { mkdirSync, openSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { DemoError } from "./errors"
import type { ServiceName } from "./keeper"
import { demo, keeperSocket, logFolder } from "./places"

export interface Services {
  urls: Record<ServiceName, string>
  /** Lets go. Resolves when the services are stopped, if nobody else needs them. */
  release(): Promise<void>
}

type Reply =
  | { urls: Record<ServiceName, string> }
  | { error: { message: string; code: string; remedy: string } }

const nothing: Services = { urls: { postgres: "", redis: "" }, release: async () => undefined }

/** @throws DemoError when a service cannot be started */
export async function need(names: ServiceName[]): Promise<Services> {
  if (names.length === 0) return nothing
  for (let attempt = 0; attempt < 5; attempt++) {
    const socket = await reach()
    const reply = await ask(socket, names)
    if (!reply) {
      // It was just leaving; another will come.
      await sleep(200)
      continue
    }
    if ("error" in reply) {
      socket.end()
      throw new DemoError(reply.error.code ?? "DEMO_SERVICE", reply.error.message, reply.error.remedy ?? "")
    }
    return { urls: reply.urls, release: () => release(socket) }
  }
  throw silent()
}

async function reach(): Promise<Socket> {
  const present = await dial()
  if (present) return present
  mkdirSync(logFolder, { recursive: true })
  rmSync(keeperSocket, { force: true })
  const log = openSync(join(logFolder, "keeper.log"), "a")
  const keeper = spawn(process.execPath, [join(demo, "bin", "keeper.js")], {
    detached: true,
    stdio: ["ignore", log, log],
  })
  keeper.unref()
  for (let attempt = 0; attempt < 300 && !keeper.exitCode; attempt++) {
    await sleep(100)
    const socket = await dial()
    if (socket) return socket
  }
  throw silent()
}

function silent(): DemoError {
  return new DemoError(
    "DEMO_KEEPER_SILENT",
    "PostgreSQL and Redis could not be started.",
    `See ${join(logFolder, "keeper.log")}.`,
  )
}

function dial(): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(keeperSocket)
    socket.once("connect", () => resolve(socket))
    socket.once("error", () => resolve(undefined))
  })
}

function ask(socket: Socket, names: ServiceName[]): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve(undefined))
    const lines = createInterface({ input: socket })
    lines.on("error", () => resolve(undefined))
    lines.once("line", (line) => resolve(JSON.parse(line) as Reply))
    socket.write(`${JSON.stringify(names)}\n`)
  })
}

function release(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve()
    socket.once("close", () => resolve())
    socket.end()
  })
}
