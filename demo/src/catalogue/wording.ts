/**
 * The words product names, options and descriptions are put together from.
 */
import type { ProductTypeName } from "./taxonomy"

type Words = readonly [string, ...string[]]

interface TypeWording {
  materials: Words
  sizes: readonly [string, string, string, string]
  /** What a customer wants to know about quality and care. */
  care: Words
}

export const adjectives: Words = [
  "Nordic",
  "Classic",
  "Coastal",
  "Alpine",
  "Everyday",
  "Heritage",
  "Urban",
  "Harbour",
  "Meadow",
  "Studio",
  "Atelier",
  "Willow",
  "Juniper",
  "Saffron",
  "Marlow",
  "Linden",
  "Fjord",
  "Orchard",
  "Cove",
  "Hazel",
  "Aster",
  "Bramble",
  "Cedar",
]

/** Pairs of colours a product comes in. */
export const colourPairs: readonly (readonly [string, string])[] = [
  ["Black", "Sand"],
  ["Navy", "Ecru"],
  ["Forest", "Stone"],
  ["Rust", "Cream"],
  ["Charcoal", "Sky"],
  ["Olive", "Chalk"],
  ["Burgundy", "Oat"],
]

export const wordingOf: Record<ProductTypeName, TypeWording> = {
  Apparel: {
    materials: ["Cotton", "Linen", "Merino", "Tencel", "Wool", "Hemp"],
    sizes: ["S", "M", "L", "XL"],
    care: [
      "Pre-washed so that it keeps its shape, and cut for layering through the seasons.",
      "Machine washable at thirty degrees; line dry and it will stay soft for years.",
    ],
  },
  Footwear: {
    materials: ["Leather", "Suede", "Canvas", "Nubuck", "Wool"],
    sizes: ["38", "40", "42", "44"],
    care: [
      "The cushioned insole can be taken out, and the sole can be replaced by any cobbler.",
      "Runs true to size; brush off dirt when dry and treat with a little balm now and then.",
    ],
  },
  Home: {
    materials: ["Oak", "Stoneware", "Wool", "Linen", "Soy", "Walnut"],
    sizes: ["Small", "Medium", "Large", "Extra Large"],
    care: [
      "Every piece varies slightly in shade, which is how you know that it was made by hand.",
      "Wipe clean with a damp cloth; felt pads and care instructions are in the box.",
    ],
  },
  Books: {
    materials: ["Clothbound", "Illustrated", "Pocket", "Annotated", "Stitched"],
    sizes: ["A6", "A5", "B5", "A4"],
    care: [
      "Printed on uncoated, acid-free paper, thread-sewn so that it stays open on the table.",
      "With a ribbon marker and an index at the back, it is made to be used rather than shelved.",
    ],
  },
  Accessories: {
    materials: ["Leather", "Canvas", "Felt", "Cotton", "Cork", "Recycled"],
    sizes: ["XS", "S", "M", "L"],
    care: [
      "Solid brass fittings and double-stitched seams stand up to daily use in any weather.",
      "Packed flat in recycled paper and ready to give, with a card for a few lines of your own.",
    ],
  },
}

export const makers: Words = [
  "a family workshop near Porto",
  "a small mill in the Scottish Borders",
  "a cooperative in Thessaloniki",
  "a third-generation maker in Bologna",
  "a studio in Tampere",
  "a workshop in the Black Forest",
  "a short-run factory in Lyon",
]

export const occasions: Words = [
  "long weekends and short commutes",
  "slow mornings and full days",
  "the first cold evening of the year",
  "days that start early and end late",
  "anyone who would rather buy one good thing than three cheap ones",
]
