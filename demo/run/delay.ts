/**
 * A TCP proxy that makes a server as far away as one in a cloud: what a client sends arrives later by the
 * round trip, answers come back at once, so one exchange costs the round trip once.
 */
import { connect, createServer, type Socket } from "node:net"

export interface Delay {
  /** The same URL, through the proxy. */
  url: string
  close(): void
}

/** @param roundTrip milliseconds */
export function delayed(url: string, roundTrip: number): Promise<Delay> {
  const target = new URL(url)
  const port = Number(target.port || (target.protocol.startsWith("redis") ? 6379 : 5432))
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, target.hostname)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on("error", () => to.destroy())
      from.on("close", () => {
        sockets.delete(from)
        to.destroy()
      })
    }
    client.on("data", (chunk) => setTimeout(() => upstream.write(chunk), roundTrip))
    client.on("end", () => setTimeout(() => upstream.end(), roundTrip))
    upstream.pipe(client)
  })
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const proxied = new URL(url)
      proxied.hostname = "127.0.0.1"
      proxied.port = String((server.address() as { port: number }).port)
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      resolve({ url: proxied.href, close })
    })
  })
}
