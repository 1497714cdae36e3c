/**
 * The keeper runs PostgreSQL and Redis for all stores of this clone, and stops them when nobody needs them.
 *
 * It is a process of its own, detached from every terminal. Who needs a service connects to its socket,
 * says which, and keeps the connection open; the operating system closes it when that process ends, however
 * it ends. When the last connection is gone the keeper stops what it started and exits.
 */
import { rmSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { DemoError } from "./errors"
import { keeperSocket } from "./places"
import { startPostgres } from "./postgres"
import { startRedis } from "./redis"

export type ServiceName = "postgres" | "redis"

export interface Service {
  url: string
  stop(): Promise<void>
}

const start: Record<ServiceName, () => Promise<Service>> = {
  postgres: startPostgres,
  redis: () => startRedis(),
}
/** How long after its start someone must have come. Milliseconds. */
const patience = 30_000

export function main(): void {
  const clients = new Set<Socket>()
  const services = new Map<ServiceName, Promise<Service>>()
  let stopping = false

  const server = createServer({ allowHalfOpen: true }, (client) => {
    clearTimeout(lonely)
    clients.add(client)
    client.on("error", () => undefined)
    const lines = createInterface({ input: client })
    lines.on("error", () => undefined)
    lines.on("line", async (line) => {
      const names = JSON.parse(line) as ServiceName[]
      try {
        const urls: Record<string, string> = {}
        for (const name of names) urls[name] = (await serve(name)).url
        client.write(`${JSON.stringify({ urls })}\n`)
      } catch (error) {
        const { message, code, remedy } = error as DemoError
        client.write(`${JSON.stringify({ error: { message, code, remedy } })}\n`)
      }
    })
    const leave = async () => {
      clients.delete(client)
      if (clients.size === 0) await stop()
      client.destroy()
    }
    client.on("end", leave)
    client.on("close", leave)
  })

  const serve = (name: ServiceName): Promise<Service> => {
    if (stopping)
      return Promise.reject(new DemoError("DEMO_KEEPER_LEAVING", "The keeper is leaving.", "Again."))
    const known = services.get(name)
    if (known) return known
    const starting = start[name]()
    services.set(name, starting)
    starting.catch(() => services.delete(name))
    return starting
  }

  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping = true
    stopped ??= (async () => {
      server.close()
      rmSync(keeperSocket, { force: true })
      await Promise.allSettled([...services.values()].map(async (service) => (await service).stop()))
      setImmediate(() => process.exit(0))
    })()
    return stopped
  }

  const lonely = setTimeout(stop, patience)
  process.on("SIGTERM", stop)
  process.on("SIGINT", () => undefined)
  process.on("SIGHUP", () => undefined)

  server.on("error", (error: NodeJS.ErrnoException) => {
    // Another keeper was faster; whoever started this one finds that.
    if (!stopping) process.exit(error.code === "EADDRINUSE" ? 0 : 1)
  })
  server.listen(keeperSocket)
}
