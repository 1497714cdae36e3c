/** The store's database: made, migrated and filled once, then found as it is. */
import { fork } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { DemoError, say } from "./errors"
import { builtStore, leash, medusaCli } from "./places"

/** What the seed wrote down about the catalogue. */
export interface Facts {
  publishableKey: string
  regionId: string
  regions: { id: string; currency: string; countries: string[] }[]
  promotionCode: string
  adminEmail: string
  adminPassword: string
}

export async function postgresVersion(databaseUrl: string): Promise<string> {
  const { rows } = await withClient(databaseUrl, (client) => client.query("show server_version"))
  return rows[0].server_version
}

/** Two commands that start together must not both fill it. */
const seedLock = 0x7065_6761
const ourSchema = "pegasus_demo"

/** @returns the URL of the database for a store of this size, on the given server */
export async function createDatabase(serverUrl: string, products: number, orders = 0): Promise<string> {
  const name = `pegasus_demo_${products}${orders > 0 ? `_${orders}` : ""}`
  await withClient(serverUrl, async (client) => {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [name])
    if (rowCount) return
    await client.query(`create database ${name}`).catch((error: { code?: string }) => {
      const madeMeanwhile = error.code === "42P04" || error.code === "23505"
      if (!madeMeanwhile) throw error
    })
  })
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Migrates and seeds what is missing. @throws DemoError */
export async function fillDatabase(databaseUrl: string, products: number, stop: AbortSignal): Promise<Facts> {
  return withClient(databaseUrl, async (client) => {
    await takeTurn(client, stop)
    const known = await readFacts(client)
    if (known) return known
    await claim(client)
    // Statement counts need it; a store without it only goes uncounted.
    await client.query("create extension if not exists pg_stat_statements").catch(() => undefined)
    say("migrating the database")
    await medusa(["db:migrate", "--skip-scripts"], databaseUrl, products, stop)
    say(`filling the catalogue: ${products} products`)
    await medusa(["exec", "./src/scripts/seed.js"], databaseUrl, products, stop)
    const facts = await readFacts(client)
    if (facts) return facts
    throw new DemoError("DEMO_SEED", "The catalogue was not filled.", "Run the command again; it goes on.")
  })
}

/** Waits until no other command fills this database. @throws the reason of the signal */
async function takeTurn(client: Client, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const { rows } = await client.query("select pg_try_advisory_lock($1) as mine", [seedLock])
    if (rows[0].mine) return
    await sleep(300)
  }
}

/**
 * Marks the database as the demo's, by a schema of that name: the seed clears what a seed cut off left behind,
 * and must never meet the data of a store that is none of its own.
 */
async function claim(client: Client): Promise<void> {
  const { rows } = await client.query(
    `select to_regclass('product') is not null as "isStore", to_regnamespace($1) is not null as "isOurs"`,
    [ourSchema],
  )
  if (rows[0].isStore && !rows[0].isOurs) {
    throw new DemoError(
      "DEMO_DATABASE_FOREIGN",
      "This database holds a store that is not the demo's.",
      "Give an empty one with --database-url: the demo fills it with a catalogue of its own.",
    )
  }
  await client.query(`create schema if not exists ${ourSchema}`)
}

async function readFacts(client: Client): Promise<Facts | undefined> {
  // The last table that was added to the demo: a database from before is migrated again.
  const { rows } = await client.query("select to_regclass('brand') is not null as present")
  if (!rows[0].present) return undefined
  const found = await client.query(
    "select metadata->'pegasus_demo' as facts from store where metadata ? 'pegasus_demo'",
  )
  return found.rows[0]?.facts
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on("error", () => undefined)
  try {
    await client.connect()
  } catch (cause) {
    const { host, pathname } = new URL(url)
    throw new DemoError(
      "DEMO_DATABASE_UNREACHABLE",
      `No database answers at ${host}${pathname}: ${(cause as Error).message || (cause as { code: string }).code}.`,
      "Start it or correct --database-url; without that option one is started for you.",
    )
  }
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Runs a command of Medusa to its end. @throws DemoError when it fails, the signal's reason when stopped */
async function medusa(
  args: string[],
  databaseUrl: string,
  products: number,
  signal: AbortSignal,
): Promise<void> {
  const child = fork(medusaCli, args, {
    cwd: builtStore,
    execArgv: ["--require", leash],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: {
      ...process.env,
      NODE_ENV: "production",
      MEDUSA_DISABLE_TELEMETRY: "1",
      DATABASE_URL: databaseUrl,
      PEGASUS_DEMO_CACHE: "off",
      PEGASUS_DEMO_PRODUCTS: String(products),
    },
  })
  const said: string[] = []
  const hear = (chunk: Buffer) => {
    said.push(String(chunk))
    for (const [line] of String(chunk).matchAll(/seed: [^"\n]+/g)) say(line)
  }
  child.stdout!.on("data", hear)
  child.stderr!.on("data", hear)
  const stop = () => child.kill("SIGKILL")
  signal.addEventListener("abort", stop)
  const code = await new Promise((resolve) => child.once("close", resolve))
  signal.removeEventListener("abort", stop)
  signal.throwIfAborted()
  if (code === 0) return
  process.stderr.write(said.join(""))
  throw new DemoError(
    "DEMO_MEDUSA",
    `medusa ${args[0]} failed.`,
    "What it printed stands above; run it again.",
  )
}
