/**
 * Where goods lie and how they travel: the stock location, a delivery zone for each market, the shipping
 * profiles and the shipping options with their prices.
 */
import {
  createShippingOptionsWorkflow,
  createShippingProfilesWorkflow,
  createStockLocationsWorkflow,
  linkSalesChannelsToStockLocationWorkflow,
} from "@medusajs/core-flows"
import type {
  FulfillmentSetDTO,
  FulfillmentWorkflow,
  MedusaContainer,
  RegionDTO,
  ServiceZoneDTO,
  ShippingOptionDTO,
  ShippingProfileDTO,
  StockLocationDTO,
} from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"
import { freeDeliveryFrom, type Market, markets } from "../catalogue/markets"
import { ByKey, ensure } from "./ensure"
import type { Shop } from "./store"

type ShippingOptionInput = FulfillmentWorkflow.CreateShippingOptionsWorkflowInput

const fulfillmentProvider = "manual_manual"
const locationName = "Main Warehouse"
const setName = "Main Warehouse delivery"

export interface Delivery {
  locationId: string
  profiles: ByKey<ShippingProfileDTO>
}

export async function seedDelivery(
  container: MedusaContainer,
  shop: Shop,
  regions: ByKey<RegionDTO>,
): Promise<Delivery> {
  const locationId = await seedLocation(container, shop)
  const zones = await seedZones(container, locationId)
  const profiles = await seedProfiles(container)

  const options = markets.flatMap((market) => shippingOptions(market, zones, profiles, regions))
  await ensure<ShippingOptionInput, Pick<ShippingOptionDTO, "name">>({
    wanted: options,
    wantedKey: (option) => option.name,
    found: await container.resolve(Modules.FULFILLMENT).listShippingOptions({}),
    foundKey: (option) => option.name,
    create: async (input) => (await createShippingOptionsWorkflow(container).run({ input })).result,
  })
  return { locationId, profiles }
}

async function seedLocation(container: MedusaContainer, shop: Shop): Promise<string> {
  const locations = await ensure<string, StockLocationDTO>({
    wanted: [locationName],
    wantedKey: (name) => name,
    found: await container.resolve(Modules.STOCK_LOCATION).listStockLocations({}),
    foundKey: (location) => location.name,
    create: async (names) => {
      const address = {
        address_1: "Speicherstrasse 1",
        city: "Hamburg",
        country_code: "DE",
        postal_code: "20457",
      }
      const input = { locations: names.map((name) => ({ name, address })) }
      return (await createStockLocationsWorkflow(container).run({ input })).result
    },
  })
  const { id } = locations.get(locationName)
  await linkSalesChannelsToStockLocationWorkflow(container).run({
    input: { id, add: [shop.webShop.channelId, shop.wholesale.channelId] },
  })
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: id },
    [Modules.FULFILLMENT]: { fulfillment_provider_id: fulfillmentProvider },
  })
  return id
}

/** One fulfillment set with one service zone for each market, found again by the name of its region. */
async function seedZones(container: MedusaContainer, locationId: string): Promise<ByKey<ServiceZoneDTO>> {
  const fulfillment = container.resolve(Modules.FULFILLMENT)
  const sets = await ensure<string, FulfillmentSetDTO>({
    wanted: [setName],
    wantedKey: (name) => name,
    found: await fulfillment.listFulfillmentSets({}, { relations: ["service_zones"] }),
    foundKey: (set) => set.name,
    create: (names) =>
      fulfillment.createFulfillmentSets(
        names.map((name) => ({
          name,
          type: "shipping",
          service_zones: markets.map((market) => ({
            name: market.region,
            geo_zones: market.countries.map(({ code }) => ({ country_code: code, type: "country" as const })),
          })),
        })),
      ),
  })
  const set = sets.get(setName)
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: locationId },
    [Modules.FULFILLMENT]: { fulfillment_set_id: set.id },
  })
  return new ByKey(set.service_zones.map((zone) => [zone.name, zone]))
}

async function seedProfiles(container: MedusaContainer): Promise<ByKey<ShippingProfileDTO>> {
  return ensure<{ name: string; type: string }, ShippingProfileDTO>({
    wanted: [
      { name: "Default", type: "default" },
      { name: "Bulky", type: "bulky" },
    ],
    wantedKey: (profile) => profile.name,
    found: await container.resolve(Modules.FULFILLMENT).listShippingProfiles({}),
    foundKey: (profile) => profile.name,
    create: async (data) => (await createShippingProfilesWorkflow(container).run({ input: { data } })).result,
  })
}

function shippingOptions(
  market: Market,
  zones: ByKey<ServiceZoneDTO>,
  profiles: ByKey<ShippingProfileDTO>,
  regions: ByKey<RegionDTO>,
): ShippingOptionInput[] {
  const option = (
    name: string,
    amount: number,
    description: string,
    more: { profile?: string; back?: boolean } = {},
  ) =>
    ({
      name: `${name} ${market.region}`,
      price_type: "flat",
      provider_id: fulfillmentProvider,
      service_zone_id: zones.get(market.region).id,
      shipping_profile_id: profiles.get(more.profile ?? "Default").id,
      type: { label: name, description, code: name.toLowerCase() },
      prices: [
        { currency_code: "eur", amount },
        { currency_code: "usd", amount: Math.round(amount * 1.1) },
        { region_id: regions.get(market.region).id, amount },
      ],
      rules: [
        { attribute: "enabled_in_store", value: "true", operator: "eq" },
        { attribute: "is_return", value: more.back ? "true" : "false", operator: "eq" },
      ],
    }) satisfies ShippingOptionInput

  const standard = option("Standard", market.standard, "With you in three to five days.")
  const free = {
    currency_code: market.currency,
    amount: 0,
    rules: [{ attribute: "item_total", operator: "gte" as const, value: freeDeliveryFrom }],
  }
  return [
    { ...standard, prices: [...standard.prices, free] },
    option("Express", market.express, "With you tomorrow."),
    option("Freight", market.freight, "Two people carry it to the room of your choice.", {
      profile: "Bulky",
    }),
    ...(market.region === "Europe"
      ? [option("Return", 0, "Send it back with our label.", { back: true })]
      : []),
  ]
}
