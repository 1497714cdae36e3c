import { fork } from "node:child_process"
import { once } from "node:events"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { proxyOf, type StoreDescription } from "../proxy"
import type { ProxyArguments } from "./arguments"

export interface ProxyCall {
  arguments: ProxyArguments
  /** Where `medusa start` runs. */
  folder: string
  print(text: string): void
  signal: AbortSignal
}

/** How long requests that are under way may take to end, in milliseconds. */
const patience = 10_000

/** Answers until the signal, then lets those who asked be answered. @throws what the store says, `proxyOf` and listening throw */
export async function proxy({ arguments: given, folder, print, signal }: ProxyCall): Promise<void> {
  const { upstream, port, host } = given
  const store = await describe(folder, signal)
  const { server, close } = await proxyOf(store, new URL(upstream), print)
  try {
    if (signal.aborted) return
    server.listen({ port, host })
    await once(server, "listening")
    print(`listening on port ${(server.address() as AddressInfo).port}, before ${upstream}`)
    if (!signal.aborted) await once(signal, "abort")
    await drain(server)
  } finally {
    await close()
  }
}

/** Takes no more connections; those there are end with the answers that are under way on them. */
export async function drain(server: Server): Promise<void> {
  server.prependListener("request", (_req, res) => {
    res.shouldKeepAlive = false
  })
  const ended = once(server, "close")
  server.close()
  const closing = setInterval(() => server.closeIdleConnections(), 50)
  const cutting = setTimeout(() => server.closeAllConnections(), patience)
  await ended
  clearInterval(closing)
  clearTimeout(cutting)
}

type Told = { description: StoreDescription } | { failure: string }

/** What the store's configuration says, read by a process that ends with it. */
async function describe(folder: string, signal: AbortSignal): Promise<StoreDescription> {
  const child = fork(require.resolve("../medusa/describe-store"), [folder], {
    serialization: "advanced",
    signal,
  })
  try {
    const ended = once(child, "exit").then(() => [
      { failure: "The store's configuration could not be read." },
    ])
    const [told] = (await Promise.race([once(child, "message"), ended])) as [Told]
    if ("failure" in told) throw new Error(told.failure)
    return told.description
  } finally {
    child.kill()
  }
}
