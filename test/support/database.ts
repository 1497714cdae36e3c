/** A database of one's own on the demo's PostgreSQL. */
import { Client } from "pg"
import { need } from "../../demo/run/services"
import { withClient } from "../../src/feed"

export interface Database {
  url: string
  /** Connected; closed with the database. */
  client: Client
  drop(): Promise<void>
}

/** @param like a database it begins as a copy of; whoever is connected to that is cut off */
export async function createDatabase(name: string, like?: Pick<Database, "url">): Promise<Database> {
  const services = await need(["postgres"])
  const unique = `${name}_${process.pid}`
  const { postgres } = services.urls
  const administer = (sql: string) =>
    withClient({ connectionString: postgres }, undefined, (admin) => admin.query(sql))
  const template = like && new URL(like.url).pathname.slice(1)
  if (template) {
    await administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${template}'`)
  }
  await administer(`create database ${unique} ${template ? `template ${template}` : ""}`)
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
      await administer(`drop database ${unique} with (force)`)
      await services.release()
    },
  }
}
