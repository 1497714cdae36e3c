/** A store on a database of its own, and what can be bought there. */
import { need } from "../../demo/run/services"
import { withClient } from "../../src/feed"
import { copyOfDemo } from "../support/demo-database"
import { type Ready, startStore } from "../support/store"

// biome-ignore lint/suspicious/noExplicitAny: what a database answers
type Query = (text: string, values?: unknown[]) => Promise<{ rows: any[] }>

export interface Bought {
  variant: string
  item: string
  /** Of the deliveries that carry it. */
  profile: string
}

export async function alone<T>(
  name: string,
  cache: "off" | "pegasus",
  work: (ready: Ready, query: Query) => Promise<T>,
): Promise<T> {
  const services = await need(["redis"])
  const database = await copyOfDemo(`pegasus_${name}_${cache}`)
  const args = ["--cache", cache, "--database-url", database.url, "--redis-url", services.urls.redis]
  const { ready, stop } = await startStore(args)
  const query: Query = (text, values = []) =>
    withClient({ connectionString: database.url }, undefined, (client) => client.query(text, values))
  try {
    return await work(ready, query)
  } finally {
    await stop()
    await database.drop()
    await services.release()
  }
}

/** So many variants, with so many pieces of each in stock, none of them promised. */
export async function inStock(query: Query, count: number, pieces: number): Promise<Bought[]> {
  const { rows } = await query(
    `select i.variant_id as variant, i.inventory_item_id as item, p.shipping_profile_id as profile
     from product_variant_inventory_item i join product_variant v on v.id = i.variant_id
       join product_shipping_profile p using (product_id) order by 1 limit $1`,
    [count],
  )
  const items = rows.map(({ item }) => item)
  await query(
    `update inventory_level set stocked_quantity = $2::numeric, reserved_quantity = 0,
       raw_stocked_quantity = jsonb_build_object('value', $2::numeric::text, 'precision', 20),
       raw_reserved_quantity = jsonb_build_object('value', '0', 'precision', 20) where inventory_item_id = any($1)`,
    [items, pieces],
  )
  await query(
    "update reservation_item set deleted_at = now() where inventory_item_id = any($1) and deleted_at is null",
    [items],
  )
  return rows
}
