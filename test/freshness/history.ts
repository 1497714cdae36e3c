/**
 * The history checker on the real store: several store processes on one database and one Redis, products whose titles are
 * counters, written as SQL beside all of them, and faults by chance: the feed's connection killed, PostgreSQL crashed and
 * recovered, Redis killed, emptied and stopped, a store stopped and its event loop blocked.
 */
import { resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { startRedis } from "../../demo/run/redis"
import { type Happening, type Violation, violations } from "../history/history"
import { randomOf } from "../history/random"
import { copyOfDemo } from "../support/demo-database"
import { emptied, stopped } from "../support/harm"
import { startStore } from "../support/store"
import { until } from "../support/until"

export interface StoreExperiment {
  seed: number
  processes: number
  /** Milliseconds. */
  duration: number
  /** Whether each store stands behind `pegasus proxy`. */
  proxy?: boolean
  say?(line: string): void
}

export interface StoreOutcome {
  reads: number
  writes: number
  failed: number
  violations: Violation[]
  faults: string[]
}

const blockable = {
  NODE_OPTIONS: `--require ${resolve(__dirname, "..", "support", "blockable.cjs")}`,
  BLOCKED_FOR: "3000",
}
/** What a silent feed or bus may cost, and what two busy cores add. Milliseconds. */
const bound = 2_000 + 300

export async function runStores({
  seed,
  processes,
  duration,
  proxy = false,
  say = () => undefined,
}: StoreExperiment): Promise<StoreOutcome> {
  const random = randomOf(seed)
  const database = await copyOfDemo("pegasus_history")
  let redis = await startRedis()
  const port = redis.port
  const args = ["--cache", "pegasus", "--database-url", database.url, "--redis-url", redis.url]
  if (proxy) args.push("--proxy")
  // The first makes the triggers.
  const stores = [await startStore(args, blockable)]
  const others = Array.from({ length: processes - 1 }, () => startStore(args, blockable))
  stores.push(...(await Promise.all(others)))
  const truth = new Truth(database.url)
  const ids = (
    await truth.query(
      "select id from product where deleted_at is null and status = 'published' order by id limit 20",
    )
  ).map(({ id }) => id as string)
  await truth.query("update product set title = '0'")
  const history: Happening[] = []
  const faults: string[] = []
  let [failed, over] = [0, false]
  const began = Date.now()

  const read = async (number: number) => {
    const { url, publishableKey, regionId } = stores[number]!.ready
    const headers = { "x-publishable-api-key": publishableKey }
    while (!over) {
      // One product an answer: nothing but its own change takes it out of the cache.
      const key = ids[Math.floor(random() * ids.length)]!
      const path = `/store/products?id=${key}&region_id=${regionId}&fields=id,title,*variants.calculated_price`
      const startedAt = Date.now()
      try {
        const answer = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(20_000) })
        if (!answer.ok) throw new Error(String(answer.status))
        const { products } = (await answer.json()) as { products: { title: string }[] }
        for (const { title } of products) {
          history.push({ kind: "read", key, counter: Number(title), startedAt, process: number })
        }
      } catch {
        failed++
        await sleep(50)
      }
    }
  }
  const write = async () => {
    const counters = new Map<string, number>()
    while (!over) {
      const key = ids[Math.floor(random() * ids.length)]!
      const counter = (counters.get(key) ?? 0) + 1
      counters.set(key, counter)
      try {
        await truth.query("update product set title = $2 where id = $1", [key, String(counter)])
        history.push({ kind: "write", key, counter, acknowledgedAt: Date.now() })
      } catch {
        await sleep(50)
      }
      await sleep(random() * 400)
    }
  }
  const pids = stores.flatMap(({ ready: { pid, proxyPid } }) =>
    proxyPid === undefined ? [pid] : [pid, proxyPid],
  )
  const anyStore = () => pids[Math.floor(random() * pids.length)]!
  const kinds: [name: string, harm: (pause: number) => Promise<unknown>][] = [
    ["the feed's connections are killed", () => truth.query(killFeed)],
    ["PostgreSQL crashes", () => crash(truth)],
    ["Redis is emptied", () => emptied(redis.url)],
    ["Redis stops", (pause) => stopped(redis.pid, pause)],
    [
      "Redis is killed",
      async (pause) => {
        process.kill(redis.pid, "SIGKILL")
        await sleep(pause)
        redis = await startRedis(port)
      },
    ],
    ["a store stops", (pause) => stopped(anyStore(), 4 * pause)],
    ["a store's event loop is blocked", async () => process.kill(anyStore(), "SIGUSR2")],
  ]
  const harm = async () => {
    while (Date.now() - began < duration - 6_000) {
      await sleep(1_000 + random() * 3_000)
      const [name, make] = kinds[Math.floor(random() * kinds.length)]!
      const pause = 100 + random() * 3_000
      faults.push(`${Date.now() - began} ms: ${name}, ${Math.round(pause)} ms`)
      say(faults.at(-1)!)
      await make(pause).catch(() => undefined)
    }
  }
  const work = [write(), harm(), ...stores.flatMap((_, number) => [read(number), read(number)])]
  await sleep(duration)
  over = true
  await Promise.all(work)
  await Promise.all(stores.map(({ stop }) => stop()))
  await redis.stop()
  await truth.close()
  await database.drop().catch(() => undefined)
  return {
    reads: history.filter(({ kind }) => kind === "read").length,
    writes: history.filter(({ kind }) => kind === "write").length,
    failed,
    violations: violations(history, bound),
    faults,
  }
}

const killFeed =
  "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pegasus feed'"

/** A connection that is made anew when it was lost. */
class Truth {
  private client: Client | undefined

  constructor(private readonly url: string) {}

  async query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    try {
      this.client ??= await this.connect()
      return (await this.client.query(sql, values)).rows
    } catch (error) {
      this.client = undefined
      throw error
    }
  }

  async close(): Promise<void> {
    await this.client?.end().catch(() => undefined)
  }

  private async connect(): Promise<Client> {
    const client = new Client({ connectionString: this.url })
    client.on("error", () => undefined)
    await client.connect()
    return client
  }
}

/** Kills a server process: PostgreSQL ends all others, recovers, and forgets its notifications. */
async function crash(truth: Truth): Promise<void> {
  const [row] = await truth.query("select pg_backend_pid() as pid")
  process.kill(Number(row!.pid), "SIGKILL")
  await until("PostgreSQL has recovered", () => truth.query("select 1").catch(() => undefined), 30_000)
}
