/** What the bench reads of the store's answers; everything else in them is ignored. */
import { z } from "zod"

const price = z.object({ calculated_amount: z.number() })

export const product = z.object({
  id: z.string(),
  variants: z.array(z.object({ id: z.string(), calculated_price: price.nullish() })),
})

const taxLines = z
  .array(z.object({ rate: z.number() }))
  .nullish()
  .transform((lines) => lines ?? [])

const adjustments = z
  .array(
    z.object({ code: z.string().nullish(), amount: z.number(), is_tax_inclusive: z.boolean().nullish() }),
  )
  .nullish()
  .transform((lines) => lines ?? [])

const line = z.object({
  variant_id: z.string(),
  quantity: z.number(),
  unit_price: z.number(),
  is_tax_inclusive: z.boolean().nullish(),
  tax_lines: taxLines,
  adjustments,
})

const shippingMethod = z.object({
  shipping_option_id: z.string(),
  amount: z.number(),
  is_tax_inclusive: z.boolean().nullish(),
  tax_lines: taxLines,
  adjustments,
})

const promotion = z.object({
  code: z.string().nullish(),
  application_method: z.object({ type: z.string(), value: z.number() }).nullish(),
})

export const cart = z.object({
  id: z.string(),
  region_id: z.string(),
  email: z.string().nullish(),
  total: z.number(),
  item_total: z.number(),
  shipping_total: z.number(),
  tax_total: z.number(),
  discount_total: z.number(),
  shipping_address: z.object({ country_code: z.string().nullish() }).nullish(),
  items: z
    .array(line)
    .nullish()
    .transform((lines) => lines ?? []),
  shipping_methods: z
    .array(shippingMethod)
    .nullish()
    .transform((methods) => methods ?? []),
  promotions: z
    .array(promotion)
    .nullish()
    .transform((promotions) => promotions ?? []),
})

export const shippingOption = z.object({ id: z.string(), amount: z.number().nullish() })

export const paymentCollection = z.object({
  id: z.string(),
  amount: z.number(),
  payment_sessions: z
    .array(z.object({ provider_id: z.string(), amount: z.number() }))
    .nullish()
    .transform((sessions) => sessions ?? []),
})

export const order = z.object({
  id: z.string(),
  total: z.number(),
  items: z.array(z.object({ variant_id: z.string().nullish() })),
})

export type Cart = z.output<typeof cart>
