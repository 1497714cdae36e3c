/**
 * Price lists and promotions.
 */
import {
  createPriceListPricesWorkflow,
  createPriceListsWorkflow,
  createPromotionsWorkflow,
} from "@medusajs/core-flows"
import type {
  CreatePromotionDTO,
  CustomerGroupDTO,
  MedusaContainer,
  PriceListDTO,
  PromotionDTO,
} from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules, PriceListStatus, PriceListType } from "@medusajs/framework/utils"
import { type Offer, offers } from "../catalogue/offers"
import type { CatalogueProduct } from "../catalogue/products"
import { promotedCategory } from "../catalogue/taxonomy"
import { type ByKey, ensure } from "./ensure"
import type { Taxonomy } from "./taxonomy"

/** The code of the promotion for everyone: a tenth off all items. */
export const promotionCode = "PEGASUS10"

export async function seedPriceLists(
  container: MedusaContainer,
  products: CatalogueProduct[],
  groups: ByKey<CustomerGroupDTO>,
): Promise<void> {
  const lists = await ensure<Offer, PriceListDTO>({
    wanted: offers,
    wantedKey: (offer) => offer.title,
    found: await container.resolve(Modules.PRICING).listPriceLists({}),
    foundKey: (list) => list.title,
    create: async (missing) => {
      const price_lists_data = missing.map((offer) => ({
        title: offer.title,
        description: offer.description,
        type: PriceListType.SALE,
        status: PriceListStatus.ACTIVE,
        starts_at: offer.startsAt,
        ends_at: offer.endsAt,
        rules: offer.customerGroup ? { "customer.groups.id": [groups.get(offer.customerGroup).id] } : {},
      }))
      return (await createPriceListsWorkflow(container).run({ input: { price_lists_data } })).result
    },
  })
  for (const offer of offers) {
    const included = products.filter((product) => product.offer === offer.kind)
    await seedPrices(container, lists.get(offer.title).id, offer, included)
  }
}

/** Prices the variants that are not in the list yet. */
async function seedPrices(
  container: MedusaContainer,
  listId: string,
  offer: Offer,
  products: CatalogueProduct[],
) {
  const variants = products.flatMap((product) => product.variants)
  const listed = await container
    .resolve(Modules.PRICING)
    .listPrices({ price_list_id: [listId] }, { select: ["price_set_id"] })
  const priceSets = new Set(listed.map((price) => price.price_set_id))
  const { data } = await container.resolve(ContainerRegistrationKeys.QUERY).graph({
    entity: "variant",
    fields: ["id", "sku", "price_set.id"],
    filters: { sku: variants.map(({ sku }) => sku) },
  })
  const found = new Map(data.map((variant) => [variant.sku, variant]))
  const prices = variants.flatMap(({ sku, eur, usd }) => {
    const variant = found.get(sku)
    if (!variant || priceSets.has(variant.price_set?.id)) return []
    return [
      { variant_id: variant.id, currency_code: "eur", amount: reduced(eur, offer.factor) },
      { variant_id: variant.id, currency_code: "usd", amount: reduced(usd, offer.factor) },
    ]
  })
  if (!prices.length) return
  await createPriceListPricesWorkflow(container).run({ input: { data: [{ id: listId, prices }] } })
}

function reduced(amount: number, factor: number): number {
  return Math.round(amount * factor * 100) / 100
}

export async function seedPromotions(container: MedusaContainer, taxonomy: Taxonomy): Promise<void> {
  const promoted = taxonomy.categories.get(promotedCategory).id
  const bundled = taxonomy.categories.get("Cups and Mugs").id
  await ensure<CreatePromotionDTO, PromotionDTO>({
    wanted: promotions(promoted, bundled),
    wantedKey: (promotion) => promotion.code,
    found: await container.resolve(Modules.PROMOTION).listPromotions({}),
    foundKey: (promotion) => promotion.code,
    create: async (promotionsData) =>
      (await createPromotionsWorkflow(container).run({ input: { promotionsData } })).result,
  })
}

function promotions(promotedCategoryId: string, bundledCategoryId: string): CreatePromotionDTO[] {
  const inCategory = (id: string) => ({
    attribute: "items.product.categories.id",
    operator: "in" as const,
    values: [id],
  })
  return [
    {
      code: promotionCode,
      type: "standard",
      status: "active",
      application_method: { type: "percentage", target_type: "items", allocation: "across", value: 10 },
    },
    {
      code: "CANDLELIGHT",
      type: "standard",
      status: "active",
      is_automatic: true,
      application_method: {
        type: "percentage",
        target_type: "items",
        allocation: "across",
        value: 5,
        target_rules: [inCategory(promotedCategoryId)],
      },
    },
    {
      code: "SHIPFREE",
      type: "standard",
      status: "active",
      application_method: {
        type: "percentage",
        target_type: "shipping_methods",
        allocation: "across",
        value: 100,
      },
    },
    {
      code: "BUY2GET1",
      type: "buyget",
      status: "active",
      application_method: {
        type: "percentage",
        target_type: "items",
        allocation: "each",
        value: 100,
        max_quantity: 1,
        buy_rules_min_quantity: 2,
        apply_to_quantity: 1,
        buy_rules: [inCategory(bundledCategoryId)],
        target_rules: [inCategory(bundledCategoryId)],
      },
    },
  ]
}
