/** A process: autocannon with one order, and what came of it. */
import autocannon from "autocannon"

export interface CannonOrder {
  url: string
  headers: Record<string, string>
  connections: number
  requests: number
}

export interface CannonResult {
  /** Milliseconds. */
  latency: {
    p2_5: number
    p50: number
    p97_5: number
    p99: number
    average: number
    stdev: number
    max: number
  }
  requestsPerSecond: number
  /** From the first request to the last answer. */
  seconds: number
  completed: number
  errors: number
  timeouts: number
  non2xx: number
  /** How many answers had a body of how many bytes; an answer of no declared length is not among them. */
  lengths: Record<string, number>
}

export type CannonMessage = { done: number } | { result: CannonResult }

/** A slow answer is an answer: only after this long it counts as an error. */
const timeoutSeconds = 120

process.once("message", (order: CannonOrder) => {
  const lengths: Record<string, number> = {}
  let done = 0
  let last = 0n
  const start = process.hrtime.bigint()
  const run = autocannon(
    {
      url: order.url,
      headers: order.headers,
      connections: order.connections,
      amount: order.requests,
      timeout: timeoutSeconds,
      bailout: order.connections,
      setupClient: (client) => {
        client.on("headers", (answer) => {
          const length = declaredLength(answer as unknown as { headers: string[] })
          if (length !== undefined) lengths[length] = (lengths[length] ?? 0) + 1
        })
      },
    },
    (error, result) => {
      if (error) throw error
      const { p2_5, p50, p97_5, p99, average, stddev, max } = result.latency
      const seconds = Number(last - start) / 1e9
      tell({
        result: {
          latency: { p2_5, p50, p97_5, p99, average, stdev: stddev, max },
          requestsPerSecond: done / seconds,
          seconds,
          completed: done,
          errors: result.errors,
          timeouts: result.timeouts,
          non2xx: result.non2xx,
          lengths,
        },
      })
    },
  )
  run.on("response", () => {
    done++
    last = process.hrtime.bigint()
  })
  run.on("tick", () => tell({ done }))
})
// Ctrl-C reaches the whole group; when to end is the parent's to say.
process.on("SIGINT", () => {})
process.once("disconnect", () => process.exit())

function tell(message: CannonMessage): void {
  process.send?.(message)
}

/** @param headers names and values in turn, as the parser of autocannon gives them */
function declaredLength({ headers }: { headers: string[] }): string | undefined {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "content-length")
  return at < 0 ? undefined : headers[at + 1]
}
