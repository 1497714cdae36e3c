import { once } from "node:events"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { proxyOf, type StoreDescription } from "../proxy"
import type { ProxyArguments } from "./arguments"
import { describedBy } from "./beside-store"

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
  const store = await describedBy<StoreDescription>(
    require.resolve("../medusa/describe-store"),
    folder,
    signal,
  )
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
