import { fork } from "node:child_process"
import { join } from "node:path"
import { BenchError } from "../errors"

/** `cannon` makes the load, `bare` is the server beside the stores; each is a file of this folder. */
type Part = "cannon" | "bare"

/**
 * Runs a part of the load in a process of its own: sends it its order and hears its messages until one of
 * them settles the conversation. The process is gone when this returns.
 * @throws BenchError BENCH_LOAD_FAILED when the process ends first; or the reason of the signal
 */
export async function converse<Order extends object, Message, Result>(
  part: Part,
  order: Order,
  signal: AbortSignal | undefined,
  hear: (message: Message, settle: (result: Result | Promise<Result>) => void) => void,
): Promise<Result> {
  signal?.throwIfAborted()
  const child = fork(require.resolve(join(__dirname, part)), {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  })
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const stop = () => child.kill("SIGKILL")
  signal?.addEventListener("abort", stop)
  try {
    return await new Promise<Result>((resolve, reject) => {
      const fail = (cause?: unknown) => {
        const message = `The process "${part}" of the load ended early.`
        const remedy = "See what it wrote above; fewer connections may help."
        reject(signal?.aborted ? signal.reason : new BenchError("BENCH_LOAD_FAILED", message, remedy, cause))
      }
      child.once("error", fail)
      child.once("exit", () => fail())
      child.on("message", (message) => hear(message as Message, resolve))
      child.send(order)
    })
  } finally {
    signal?.removeEventListener("abort", stop)
    stop()
    await gone
  }
}
