/**
 * Regions and taxes of the markets the shop sells to.
 */
import {
  createRegionsWorkflow,
  createTaxRatesWorkflow,
  createTaxRegionsWorkflow,
  updateRegionsWorkflow,
} from "@medusajs/core-flows"
import type {
  MedusaContainer,
  ProductTypeDTO,
  RegionDTO,
  TaxRateDTO,
  TaxRegionDTO,
} from "@medusajs/framework/types"
import { Modules } from "@medusajs/framework/utils"
import { type Market, markets, reducedRate } from "../catalogue/markets"
import { type ByKey, ensure } from "./ensure"

const paymentProvider = "pp_system_default"

export async function seedRegions(container: MedusaContainer): Promise<ByKey<RegionDTO>> {
  const termsOf = (market: Market) => ({
    is_tax_inclusive: market.taxInclusive,
    payment_providers: [paymentProvider],
  })
  const found = await container.resolve(Modules.REGION).listRegions({})

  // Terms are kept beside the region, so one that is there may have been left without them.
  for (const market of markets) {
    const region = found.find(({ name }) => name === market.region)
    if (!region) continue
    await updateRegionsWorkflow(container).run({
      input: { selector: { id: region.id }, update: termsOf(market) },
    })
  }

  return ensure<Market, RegionDTO>({
    wanted: markets,
    wantedKey: (market) => market.region,
    found,
    foundKey: (region) => region.name,
    create: async (missing) => {
      const regions = missing.map((market) => ({
        name: market.region,
        currency_code: market.currency,
        countries: market.countries.map((country) => country.code),
        automatic_taxes: true,
        ...termsOf(market),
      }))
      return (await createRegionsWorkflow(container).run({ input: { regions } })).result
    },
  })
}

export async function seedTaxes(container: MedusaContainer, types: ByKey<ProductTypeDTO>): Promise<void> {
  const tax = container.resolve(Modules.TAX)
  const taxRegions = await ensure<Market["countries"][number], TaxRegionDTO>({
    wanted: markets.flatMap((market) => market.countries),
    wantedKey: (country) => country.code,
    found: await tax.listTaxRegions({}),
    foundKey: (region) => region.country_code,
    create: async (missing) => {
      const input = missing.map(({ code, taxName, taxRate }) => ({
        country_code: code,
        provider_id: "tp_system",
        default_tax_rate: { name: taxName, code: code.toUpperCase(), rate: taxRate },
      }))
      return (await createTaxRegionsWorkflow(container).run({ input })).result
    },
  })

  await ensure<typeof reducedRate, TaxRateDTO>({
    wanted: [reducedRate],
    wantedKey: (rate) => rate.code,
    found: await tax.listTaxRates({}),
    foundKey: (rate) => rate.code,
    create: async (missing) => {
      const input = missing.map(({ country, type, code, name, rate }) => ({
        tax_region_id: taxRegions.get(country).id,
        name,
        code,
        rate,
        rules: [{ reference: "product_type", reference_id: types.get(type).id }],
      }))
      return (await createTaxRatesWorkflow(container).run({ input })).result
    },
  })
}
