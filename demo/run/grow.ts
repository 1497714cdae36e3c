/** A store that has grown: years of orders, and what goes wrong in such a database. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Client } from "pg"
import { withClient } from "./database"
import { DemoError, say } from "./errors"

/** Once a database. @throws DemoError when it was cut off half way before */
export async function growDatabase(databaseUrl: string, orders: number, stop: AbortSignal): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    const cut = () => client.end()
    stop.addEventListener("abort", cut)
    try {
      await grow(client, orders)
    } catch (error) {
      stop.throwIfAborted()
      throw error
    } finally {
      stop.removeEventListener("abort", cut)
    }
  })
}

async function grow(client: Client, orders: number): Promise<void> {
  // The last of the faults, and the first of the orders.
  const { rows } = await client.query(`
    select to_regclass('order_line_item_subtitle') is not null as "isDone",
      exists (select from "order" where id = 'order_grown_1') as "isBegun"`)
  if (rows[0].isDone) return
  if (rows[0].isBegun) {
    throw new DemoError(
      "DEMO_GROWTH",
      "The store stopped growing half way.",
      "Drop its database and begin again.",
    )
  }
  const statements = readFileSync(join(__dirname, "grown.sql"), "utf8").replaceAll(":orders", String(orders))
  for (const statement of statements.split(/;\n/)) {
    const [, table] = /insert into "?(\w+)/.exec(statement) ?? []
    if (table) say(`growing: ${table}`)
    await client.query(statement)
  }
}
