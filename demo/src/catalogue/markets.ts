/**
 * Where the shop sells: regions with their countries and taxes, and what delivery costs there.
 */

export interface Market {
  region: "Europe" | "Nordics" | "America"
  currency: "eur" | "usd"
  taxInclusive: boolean
  countries: { code: string; taxName: string; taxRate: number }[]
  standard: number
  express: number
  freight: number
}

export const markets: readonly Market[] = [
  {
    region: "Europe",
    currency: "eur",
    taxInclusive: false,
    countries: [
      { code: "de", taxName: "Mehrwertsteuer", taxRate: 19 },
      { code: "fr", taxName: "TVA", taxRate: 20 },
    ],
    standard: 4.9,
    express: 12.9,
    freight: 49,
  },
  {
    region: "Nordics",
    currency: "eur",
    taxInclusive: true,
    countries: [
      { code: "fi", taxName: "Arvonlisävero", taxRate: 25.5 },
      { code: "se", taxName: "Mervärdesskatt", taxRate: 25 },
    ],
    standard: 7.9,
    express: 16.9,
    freight: 69,
  },
  {
    region: "America",
    currency: "usd",
    taxInclusive: false,
    countries: [{ code: "us", taxName: "Sales tax", taxRate: 0 }],
    standard: 9.5,
    express: 24.5,
    freight: 89,
  },
]

/** From this sum of items on, in the currency of the cart, standard delivery is free. */
export const freeDeliveryFrom = 100

/** A type of product taxed at a rate of its own in one country. */
export const reducedRate = {
  country: "de",
  type: "Books",
  code: "DE-BOOKS",
  name: "Reduced rate",
  rate: 7,
} as const
