import { fork } from "node:child_process"
import { once } from "node:events"

type Told<Description> = { description: Description } | { failure: string }

/**
 * What a store's own configuration says, read by a process that ends with it.
 * @param program of `medusa/`, its path
 * @param folder where `medusa start` runs
 */
export async function describedBy<Description>(
  program: string,
  folder: string,
  signal: AbortSignal,
): Promise<Description> {
  const child = fork(program, [folder], {
    serialization: "advanced",
    // What a configuration prints is not what was asked for.
    stdio: ["ignore", 2, 2, "ipc"],
    signal,
  })
  try {
    const ended = once(child, "exit").then(() => [
      { failure: "The store's configuration could not be read." },
    ])
    const [told] = (await Promise.race([once(child, "message"), ended])) as [Told<Description>]
    if ("failure" in told) throw new Error(told.failure)
    return told.description
  } finally {
    child.kill()
  }
}
