/**
 * Fills an empty, migrated Medusa database with the demo store.
 *
 *   medusa exec ./src/scripts/seed.js
 *
 * PEGASUS_DEMO_PRODUCTS says how many products of eight variants the catalogue has. Run again, the seed takes
 * up where it stopped: it does nothing when complete, and adds products when there are to be more.
 */
import type { ExecArgs } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"
import { markets } from "../catalogue/markets"
import { admin } from "../catalogue/people"
import { catalogue, defaultProductCount } from "../catalogue/products"
import { promotedCategory } from "../catalogue/taxonomy"
import { seedDelivery } from "../seeding/delivery"
import { seedRegions, seedTaxes } from "../seeding/markets"
import { promotionCode, seedPriceLists, seedPromotions } from "../seeding/offers"
import { seedAdmin, seedCustomers } from "../seeding/people"
import { productIds, seedProducts, seedStock } from "../seeding/products"
import { readRecord, recordVersion, writeRecord } from "../seeding/record"
import { seedStore } from "../seeding/store"
import { sweep } from "../seeding/sweep"
import { seedTaxonomy } from "../seeding/taxonomy"

export default async function seed({ container }: ExecArgs): Promise<void> {
  const logger = container.resolve(ContainerRegistrationKeys.LOGGER)
  const started = performance.now()
  const count = productCount()

  const record = await readRecord(container)
  if (record?.version === recordVersion && record.products >= count) {
    logger.info(`seed: complete with ${record.products} products`)
    return
  }

  const products = catalogue(count)
  await sweep(container, products)

  const shop = await seedStore(container)
  const regions = await seedRegions(container)
  const taxonomy = await seedTaxonomy(container)
  await seedTaxes(container, taxonomy.types)
  const delivery = await seedDelivery(container, shop, regions)
  logger.info("seed: store, regions, taxes, categories and delivery")

  await seedAdmin(container)
  const groups = await seedCustomers(container)
  await seedPromotions(container, taxonomy)
  logger.info("seed: admin, customers and promotions")

  await seedProducts(container, products, { shop, regions, taxonomy, delivery })
  await seedStock(container, products, delivery.locationId)
  await seedPriceLists(container, products, groups)
  logger.info("seed: stock and price lists")

  // Parcels at a plain price that anyone may buy: what a load test asks for again and again.
  const hot = products
    .filter((one) => one.published && !one.bulky && !one.offer && !one.categories.includes(promotedCategory))
    .slice(0, 4)
  const hotIds = await productIds(container, hot)
  await writeRecord(container, shop.storeId, {
    version: recordVersion,
    products: count,
    publishableKey: shop.webShop.key,
    wholesaleKey: shop.wholesale.key,
    salesChannelId: shop.webShop.channelId,
    regionId: regions.get("Europe").id,
    regions: markets.map((market) => ({
      id: regions.get(market.region).id,
      name: market.region,
      currency: market.currency,
      countries: market.countries.map((country) => country.code),
    })),
    promotionCode,
    adminEmail: admin.email,
    adminPassword: admin.password,
    hotProducts: hot.map((product) => hotIds.get(product.handle)),
  })
  logger.info(`seed: done in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

function productCount(): number {
  const given = process.env.PEGASUS_DEMO_PRODUCTS ?? String(defaultProductCount)
  const count = Number(given)
  if (!Number.isInteger(count) || count < 1) {
    throw new Error(`PEGASUS_DEMO_PRODUCTS must be a whole number from 1 on, not "${given}"`)
  }
  return count
}
