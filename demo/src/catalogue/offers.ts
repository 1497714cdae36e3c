/**
 * Price lists of the shop: one in force, one still to come and one for the best customers.
 */

export interface Offer {
  kind: "sale" | "upcoming" | "vip"
  title: string
  description: string
  startsAt: string | null
  endsAt: string | null
  /** The share of the normal price that is left. */
  factor: number
  /** Only for customers of this group. */
  customerGroup?: string
}

export const offers: readonly Offer[] = [
  {
    kind: "sale",
    title: "House Sale",
    description: "Last pieces at a lower price",
    startsAt: "2020-01-01T00:00:00.000Z",
    endsAt: "2099-12-31T23:59:59.000Z",
    factor: 0.8,
  },
  {
    kind: "upcoming",
    title: "Anniversary Sale",
    description: "Prices of the anniversary week, announced long ahead",
    startsAt: "2098-01-01T00:00:00.000Z",
    endsAt: "2098-01-08T00:00:00.000Z",
    factor: 0.5,
  },
  {
    kind: "vip",
    title: "VIP Prices",
    description: "Prices for the customer group VIP",
    startsAt: null,
    endsAt: null,
    factor: 0.85,
    customerGroup: "VIP",
  },
]
