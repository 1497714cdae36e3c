/** The store's database: made, migrated and filled once, then found as it is. */
import { execFile } from "node:child_process"
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

/** @returns the URL of the database for this size of catalogue, on the given server */
export async function createDatabase(serverUrl: string, products: number): Promise<string> {
  const name = `pegasus_demo_${products}`
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
    await client.query("select pg_advisory_lock($1)", [seedLock])
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
  const { rows } = await client.query("select to_regclass('store') is not null as present")
  if (!rows[0].present) return undefined
  const found = await client.query(
    "select metadata->'pegasus_demo' as facts from store where metadata ? 'pegasus_demo'",
  )
  return found.rows[0]?.facts
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
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

function medusa(args: string[], databaseUrl: string, products: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      ["--require", leash, medusaCli, ...args],
      {
        cwd: builtStore,
        signal,
        maxBuffer: 64 * 1024 * 1024,
        env: {
          ...process.env,
          NODE_ENV: "production",
          MEDUSA_DISABLE_TELEMETRY: "1",
          DATABASE_URL: databaseUrl,
          PEGASUS_DEMO_CACHE: "off",
          PEGASUS_DEMO_PRODUCTS: String(products),
        },
      },
      (error, stdout, stderr) => {
        if (!error) return resolve()
        if (signal.aborted) return reject(error)
        process.stderr.write(`${stdout}${stderr}`)
        reject(
          new DemoError(
            "DEMO_MEDUSA",
            `medusa ${args[0]} failed.`,
            "What it printed stands above; run it again.",
          ),
        )
      },
    )
    child.stdout?.on("data", (text: string) => {
      for (const [, line] of text.matchAll(/(seed: [^"\n]+)/g)) say(line!)
    })
  })
}
