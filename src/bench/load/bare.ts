/** A process: a server that does nothing but send the same bytes to everybody. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

export interface BareOrder {
  /** Base64. */
  body: string
  contentType: string
}

export interface BareMessage {
  port: number
}

process.once("message", (order: BareOrder) => {
  const body = Buffer.from(order.body, "base64")
  const headers = { "content-type": order.contentType, "content-length": body.length }
  const server = createServer((_, response) => response.writeHead(200, headers).end(body))
  server.listen(0, "127.0.0.1", () => {
    const message: BareMessage = { port: (server.address() as AddressInfo).port }
    process.send!(message)
  })
})
// Ctrl-C reaches the whole group; when to end is the parent's to say.
process.on("SIGINT", () => {})
process.once("disconnect", () => process.exit())
