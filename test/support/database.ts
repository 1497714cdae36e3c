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
  const admin = new Client({ connectionString: services.urls.postgres })
  await admin.connect()
  await admin.query(`create database ${unique}`)
  const url = new URL(services.urls.postgres)
  url.pathname = `/${unique}`
  const client = new Client({ connectionString: url.href })
  client.on("error", () => undefined)
  await client.connect()
  return {
    url: url.href,
    client,
    drop: async () => {
      await client.end()
      await admin.query(`drop database ${unique} with (force)`)
      await admin.end()
      await services.release()
    },
  }
}
