/** The demo's database as it is filled, and copies of it. */
import { createDatabase as demoDatabase, fillDatabase } from "../../demo/run/database"
import { growDatabase } from "../../demo/run/grow"
import { need } from "../../demo/run/services"
import { createDatabase, type Database } from "./database"

const products = 20

/** @param orders of a store that has grown */
export async function copyOfDemo(name: string, orders = 0): Promise<Database> {
  const services = await need(["postgres"])
  const { signal } = new AbortController()
  try {
    const url = await demoDatabase(services.urls.postgres, products)
    await fillDatabase(url, products, signal)
    const copy = await createDatabase(name, { url })
    if (orders > 0) await growDatabase(copy.url, orders, signal)
    return copy
  } finally {
    await services.release()
  }
}
