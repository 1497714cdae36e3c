/**
 * Clears what a seed that was cut off left half-made.
 *
 * A workflow writes in several transactions: a product first, then its variants, inventory items, prices and
 * the links between them. Cut off in between, a product lacks its last links, and inventory items or price
 * sets hang on nothing. No workflow can name these, so they go by SQL, all in one transaction.
 */
import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"
import type { CatalogueProduct } from "../catalogue/products"

/** The link to a price set is the last thing a variant gets. */
const halfMadeProducts = `
  select p.id from product p
  where p.handle = any(?) and p.deleted_at is null and (
    not exists (select from product_variant v where v.product_id = p.id) or
    exists (
      select from product_variant v where v.product_id = p.id and
      not exists (select from product_variant_price_set l where l.variant_id = v.id)
    )
  )`

const theirVariants = "select id from product_variant where product_id = any(?)"

const removals = [
  `delete from product_option where is_exclusive and id in (
    select product_option_id from product_product_option where product_id = any(?))`,
  `delete from product_variant_inventory_item where variant_id in (${theirVariants})`,
  `delete from product_variant_price_set where variant_id in (${theirVariants})`,
  "delete from product_sales_channel where product_id = any(?)",
  "delete from product_shipping_profile where product_id = any(?)",
  "delete from product where id = any(?)",
]

const looseInventoryItems = `
  delete from inventory_item i where i.sku = any(?) and
  not exists (select from product_variant_inventory_item l where l.inventory_item_id = i.id)`

const unpricedShippingOptions = `
  delete from shipping_option o where
  not exists (select from shipping_option_price_set l where l.shipping_option_id = o.id)`

const loosePriceSets = `
  delete from price_set s where
  not exists (select from product_variant_price_set l where l.price_set_id = s.id) and
  not exists (select from shipping_option_price_set l where l.price_set_id = s.id)`

export async function sweep(container: MedusaContainer, products: CatalogueProduct[]): Promise<void> {
  const handles = products.map((product) => product.handle)
  const skus = products.flatMap((product) => product.variants.map((variant) => variant.sku))
  await container.resolve(ContainerRegistrationKeys.PG_CONNECTION).transaction(async (transaction) => {
    const { rows } = await transaction.raw<{ rows: { id: string }[] }>(halfMadeProducts, [handles])
    const ids = rows.map(({ id }) => id)
    if (ids.length) for (const removal of removals) await transaction.raw(removal, [ids])
    await transaction.raw(looseInventoryItems, [skus])
    await transaction.raw(unpricedShippingOptions)
    await transaction.raw(loosePriceSets)
  })
}
