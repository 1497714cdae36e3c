/**
 * Several real processes, a real Redis, and what can happen to them: pauses, kills, restarts, flushes. All by
 * chance, and all chance from one seed.
 */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { startRedis } from "../../demo/run/redis"
import { emptied, stopped } from "../support/harm"
import type { Broken, Orders } from "./actor"
import { type Happening, type Violation, violations } from "./history"
import { randomOf } from "./random"

export interface Experiment {
  seed: number
  processes: number
  /** Milliseconds. */
  duration: number
  faults: boolean
  broken?: Broken
}

export interface Outcome {
  reads: number
  writes: number
  violations: Violation[]
  faults: string[]
}

const trustWindow = 400
/** What two busy cores may need to deliver a message. Milliseconds. */
const slack = 150

export async function run({
  seed,
  processes,
  duration,
  faults,
  broken = "none",
}: Experiment): Promise<Outcome> {
  const random = randomOf(seed)
  const truth = await startRedis()
  let redis = await startRedis()
  const port = Number(new URL(redis.url).port)
  const orders: Omit<Orders, "number"> = {
    seed,
    truthUrl: truth.url,
    redisUrl: redis.url,
    trustWindow,
    keys: 40,
    duration,
    writes: 0.02,
    broken,
  }
  const actors = Array.from({ length: processes }, (_, number) => start({ ...orders, number }))
  const happened: string[] = []
  const began = Date.now()

  const harm = async () => {
    const pause = 50 + random() * 1_500
    const kind = Math.floor(random() * 4)
    happened.push(
      `${Date.now() - began} ms: ${["Redis stops", "Redis is emptied", "Redis is killed", "a process stops"][kind]}, ${Math.round(pause)} ms`,
    )
    if (kind === 0) await stopped(redis.pid, pause)
    if (kind === 1) await emptied(redis.url)
    if (kind === 2) {
      process.kill(redis.pid, "SIGKILL")
      await sleep(pause)
      redis = await startRedis(port)
    }
    if (kind === 3) await stopped(actors[Math.floor(random() * processes)]!.process.pid!, pause)
  }
  while (faults && Date.now() - began < duration - 4_000) {
    await sleep(500 + random() * 1_500)
    await harm()
  }
  const histories = await Promise.all(actors.map(({ history }) => history))
  await redis.stop()
  await truth.stop()
  const history = histories.flat()
  return {
    reads: history.filter(({ kind }) => kind === "read").length,
    writes: history.filter(({ kind }) => kind === "write").length,
    // While Redis answers, a change is seen at once; while it does not, trust runs out within the window.
    violations: violations(history, faults ? trustWindow + slack : slack),
    faults: happened,
  }
}

function start(orders: Orders): { process: ChildProcess; history: Promise<Happening[]> } {
  const child = fork(join(__dirname, "actor.ts"), {
    execArgv: ["--require", join(__dirname, "..", "..", "scripts", "typescript.js")],
  })
  const history = new Promise<Happening[]>((resolve, reject) => {
    child.once("message", (message) => resolve(message as Happening[]))
    child.once("exit", (code) => reject(new Error(`A process ended with exit code ${code}.`)))
  })
  child.send(orders)
  return { process: child, history }
}
