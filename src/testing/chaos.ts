/**
 * Trouble on the way to a real server: a TCP proxy that delays, holds back, cuts and refuses, for any client and
 * any protocol. Answers of the server come back without delay, so one exchange costs the round trip once.
 */
import { connect, createServer, type Socket } from "node:net"

export interface Chaos {
  /** The server's URL, through the proxy. */
  readonly url: string
  /** How many connections have been made through it. */
  readonly connections: number
  /** From now on what a client sends arrives this much later, in milliseconds. 0: at once. */
  delay(roundTrip: number): void
  /** Nothing passes, in either direction; connections stay open. */
  hang(): void
  /** Ends every connection, and each new one at once. */
  cut(): void
  /** Ends what `hang` or `cut` began. What was held back passes. */
  heal(): void
  close(): void
}

/** @param url with a port, or of a known protocol (redis, rediss, postgres, postgresql) */
export function chaos(url: string): Promise<Chaos> {
  const target = new URL(url)
  const port = Number(target.port || (target.protocol.startsWith("redis") ? 6379 : 5432))
  const ways = new Set<Way>()
  let roundTrip = 0
  let connections = 0
  let trouble: "none" | "hang" | "cut" = "none"
  const server = createServer((client) => {
    connections++
    if (trouble === "cut") {
      client.destroy()
      return
    }
    const upstream = connect(port, target.hostname)
    join(client, upstream, () => roundTrip)
    join(upstream, client, () => 0)
  })

  function join(from: Socket, to: Socket, delay: () => number): void {
    const way = new Way(from, to, delay)
    ways.add(way)
    if (trouble === "hang") way.hold()
    from.on("close", () => ways.delete(way))
  }

  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const proxied = new URL(url)
      proxied.hostname = "127.0.0.1"
      proxied.port = String((server.address() as { port: number }).port)
      const end = () => {
        for (const way of ways) way.end()
      }
      resolve({
        url: proxied.href,
        get connections() {
          return connections
        },
        delay: (milliseconds) => {
          roundTrip = milliseconds
        },
        hang: () => {
          trouble = "hang"
          for (const way of ways) way.hold()
        },
        cut: () => {
          trouble = "cut"
          end()
        },
        heal: () => {
          trouble = "none"
          for (const way of ways) way.pass()
        },
        close: () => {
          server.close()
          end()
        },
      })
    })
  })
}

/** One direction of a connection: what came in waits its time, in order. */
class Way {
  private readonly waiting: { chunk: Buffer; due: number }[] = []
  private timer: NodeJS.Timeout | undefined
  private isHeld = false

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    delay: () => number,
  ) {
    from.setNoDelay(true)
    from.on("error", () => to.destroy())
    from.on("close", () => to.destroy())
    from.on("data", (chunk) => {
      const milliseconds = delay()
      if (milliseconds === 0 && this.waiting.length === 0) this.to.write(chunk)
      else this.wait(chunk, Date.now() + milliseconds)
    })
  }

  /** Not read at all: the sender's own buffers fill, as with a peer that is stopped. */
  hold(): void {
    this.isHeld = true
    this.from.pause()
    clearTimeout(this.timer)
    this.timer = undefined
  }

  pass(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.from.resume()
    this.send()
  }

  end(): void {
    clearTimeout(this.timer)
    this.from.destroy()
  }

  private wait(chunk: Buffer, due: number): void {
    this.waiting.push({ chunk, due })
    if (this.timer === undefined && !this.isHeld) this.send()
  }

  private send(): void {
    this.timer = undefined
    while (this.waiting.length > 0 && this.waiting[0]!.due <= Date.now()) {
      this.to.write(this.waiting.shift()!.chunk)
    }
    const next = this.waiting[0]
    if (next) this.timer = setTimeout(() => this.send(), next.due - Date.now())
  }
}
