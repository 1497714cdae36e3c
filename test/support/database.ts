/** A database of one's own on the demo's PostgreSQL. */
import { Client } from "pg"
import { need } from "../../demo/run/services"

export interface Database {
  url: string
  /** Connected; closed with the database. */
  client: Client
  drop(): Promise<void>
}

export async function createDatabase(name: string): Promise<Database> {
  const services = await need(["postgres"])
  const unique = `${name}_${process.pid}`
  const { postgres } = services.urls
  await once(postgres, `create database ${unique}`)
  const url = new URL(postgres)
  url.pathname = `/${unique}`
  const client = new Client({ connectionString: url.href })
  client.on("error", () => undefined)
  await client.connect()
  return {
    url: url.href,
    client,
    drop: async () => {
      await client.end()
      await once(postgres, `drop database ${unique} with (force)`)
      await services.release()
    },
  }
}

async function once(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
