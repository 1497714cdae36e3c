/** What is done to real processes and servers. */
import { setTimeout as sleep } from "node:timers/promises"
import Redis from "ioredis"

/** Stops a process for so many milliseconds. */
export async function stopped(pid: number, pause: number): Promise<void> {
  process.kill(pid, "SIGSTOP")
  await sleep(pause)
  process.kill(pid, "SIGCONT")
}

/** Empties a Redis, if it is there. */
export async function emptied(url: string): Promise<void> {
  const redis = new Redis(url, { retryStrategy: () => null })
  redis.on("error", () => undefined)
  await redis.flushall().catch(() => undefined)
  redis.disconnect()
}
