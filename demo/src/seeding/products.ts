/**
 * The products with variants, prices and inventory items, created in batches, and their stock.
 */
import {
  createInventoryLevelsWorkflow,
  createProductsWorkflow,
  createProductVariantsWorkflow,
} from "@medusajs/core-flows"
import type {
  CreateMoneyAmountDTO,
  CreateProductWorkflowInputDTO,
  MedusaContainer,
  RegionDTO,
} from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules, ProductStatus } from "@medusajs/framework/utils"
import type { CatalogueProduct, CatalogueVariant } from "../catalogue/products"
import type { Delivery } from "./delivery"
import { ByKey, batches } from "./ensure"
import type { Shop } from "./store"
import type { Taxonomy } from "./taxonomy"

const productsPerBatch = 25
/** While the database works on one batch, others are prepared. */
const batchesAtOnce = 3
const levelsPerBatch = 1000
const stockedQuantity = 1_000_000

export interface ProductContext {
  shop: Shop
  regions: ByKey<RegionDTO>
  taxonomy: Taxonomy
  delivery: Delivery
}

export async function seedProducts(
  container: MedusaContainer,
  products: CatalogueProduct[],
  context: ProductContext,
): Promise<void> {
  const logger = container.resolve(ContainerRegistrationKeys.LOGGER)
  const ids = await productIds(container, products)
  const missing = products.filter((product) => !ids.has(product.handle))
  let done = products.length - missing.length
  const waiting = batches(missing, productsPerBatch)
  const work = async () => {
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) {
      await createBatch(container, batch, context)
      done += batch.length
      logger.info(`seed: products ${done}/${products.length}`)
    }
  }
  await Promise.all(Array.from({ length: batchesAtOnce }, work))
}

/** Products and variants in two calls: nested in one, the workflows would copy their input over and over. */
async function createBatch(container: MedusaContainer, batch: CatalogueProduct[], context: ProductContext) {
  const { result } = await createProductsWorkflow(container).run({
    input: { products: batch.map((product) => productInput(product, context)) },
  })
  const ids = new ByKey(result.map(({ handle, id }) => [handle, id]))
  const product_variants = batch.flatMap((product) =>
    variantInputs(product, ids.get(product.handle), context),
  )
  await createProductVariantsWorkflow(container).run({ input: { product_variants } })
}

/** Stocks every inventory item that is not at the location yet. */
export async function seedStock(
  container: MedusaContainer,
  products: CatalogueProduct[],
  locationId: string,
): Promise<void> {
  const inventory = container.resolve(Modules.INVENTORY)
  const sku = products.flatMap((product) => product.variants.map((variant) => variant.sku))
  const items = await inventory.listInventoryItems({ sku }, { select: ["id"] })
  const levels = await inventory.listInventoryLevels(
    { location_id: locationId },
    { select: ["inventory_item_id"] },
  )
  const stocked = new Set(levels.map((level) => level.inventory_item_id))
  const missing = items.filter(({ id }) => !stocked.has(id))
  for (const batch of batches(missing, levelsPerBatch)) {
    const inventory_levels = batch.map(({ id }) => ({
      inventory_item_id: id,
      location_id: locationId,
      stocked_quantity: stockedQuantity,
    }))
    await createInventoryLevelsWorkflow(container).run({ input: { inventory_levels } })
  }
}

/** The ids of those products that exist, by handle. */
export async function productIds(
  container: MedusaContainer,
  products: CatalogueProduct[],
): Promise<ByKey<string>> {
  const found = await container
    .resolve(Modules.PRODUCT)
    .listProducts({ handle: products.map((product) => product.handle) }, { select: ["id", "handle"] })
  return new ByKey(found.map(({ handle, id }) => [handle, id]))
}

function productInput(product: CatalogueProduct, context: ProductContext): CreateProductWorkflowInputDTO {
  const { shop, taxonomy, delivery } = context
  const channels = product.wholesale ? [shop.webShop, shop.wholesale] : [shop.webShop]
  return {
    title: product.title,
    subtitle: product.subtitle,
    handle: product.handle,
    description: product.description,
    status: product.published ? ProductStatus.PUBLISHED : ProductStatus.DRAFT,
    material: product.material,
    weight: product.weight,
    thumbnail: product.images[0] ?? null,
    images: product.images.map((url) => ({ url })),
    type_id: taxonomy.types.get(product.type).id,
    collection_id: taxonomy.collections.get(product.collection).id,
    category_ids: product.categories.map((name) => taxonomy.categories.get(name).id),
    tag_ids: product.tags.map((tag) => taxonomy.tags.get(tag).id),
    sales_channels: product.published ? channels.map(({ channelId }) => ({ id: channelId })) : [],
    shipping_profile_id: delivery.profiles.get(product.bulky ? "Bulky" : "Default").id,
    options: [
      { title: "Size", values: [...product.sizes] },
      { title: "Colour", values: [...product.colours] },
    ],
  }
}

function variantInputs(product: CatalogueProduct, product_id: string, context: ProductContext) {
  return product.variants.map((variant) => ({
    product_id,
    title: variant.title,
    sku: variant.sku,
    material: product.material,
    weight: product.weight,
    manage_inventory: true,
    options: { Size: variant.size, Colour: variant.colour },
    prices: variantPrices(variant, context.regions),
  }))
}

function variantPrices(variant: CatalogueVariant, regions: ByKey<RegionDTO>) {
  const prices: (CreateMoneyAmountDTO & { rules?: Record<string, string> })[] = [
    { currency_code: "eur", amount: variant.eur },
    { currency_code: "usd", amount: variant.usd },
  ]
  if (variant.nordics) {
    prices.push({
      currency_code: "eur",
      amount: variant.nordics,
      rules: { region_id: regions.get("Nordics").id },
    })
  }
  return prices
}
