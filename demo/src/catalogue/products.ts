/**
 * The products of the shop, each a pure function of its number: the same number is the same product in every
 * store of any size, so a catalogue can grow and a broken seed can be taken up where it stopped.
 */
import { collections, handleOf, leafCategories, type ProductTypeName, tags } from "./taxonomy"
import { adjectives, colourPairs, makers, occasions, wordingOf } from "./wording"

export interface CatalogueVariant {
  sku: string
  title: string
  size: string
  colour: string
  /** Prices without rules, in major units. */
  eur: number
  usd: number
  /** The price in the region "Nordics", tax included, where it differs from the one in euros. */
  nordics?: number
}

export interface CatalogueProduct {
  number: number
  handle: string
  title: string
  subtitle: string
  description: string
  published: boolean
  bulky: boolean
  wholesale: boolean
  /** Which price list, if any, the product takes part in. */
  offer?: "sale" | "upcoming" | "vip"
  type: ProductTypeName
  material: string
  weight: number
  collection: string
  categories: string[]
  tags: string[]
  images: string[]
  sizes: readonly string[]
  colours: readonly string[]
  variants: CatalogueVariant[]
}

export const defaultProductCount = 500

/** The first `count` products. */
export function catalogue(count: number): CatalogueProduct[] {
  return Array.from({ length: count }, (_, number) => product(number))
}

function product(number: number): CatalogueProduct {
  const leafIndex = (number * 7) % leafCategories.length
  const round = Math.floor(number / leafCategories.length)
  const leaf = pick(leafCategories, leafIndex)
  const { materials, sizes, care } = wordingOf[leaf.type]
  const oneIn = (n: number, offset: number) => (number + round) % n === offset

  // Each round through the categories takes the next of all names possible in a category, once each.
  const names = leaf.nouns.length * materials.length * adjectives.length
  const name = (round * 37 + leafIndex * 11) % names
  const noun = pick(leaf.nouns, name)
  const material = pick(materials, Math.floor(name / leaf.nouns.length))
  const adjective = pick(adjectives, Math.floor(name / (leaf.nouns.length * materials.length)))
  const edition = Math.floor(round / names) + 1
  const title = [adjective, material, noun, ...(edition > 1 ? [`No. ${edition}`] : [])].join(" ")

  const handle = handleOf(title)
  const colours = pick(colourPairs, number)
  const eur = Math.round(leaf.price * (1 + ((number * 29) % 100) / 100)) + 0.9
  const nordic = oneIn(10, 4)
  const offer = oneIn(20, 7) ? "sale" : oneIn(20, 11) ? "upcoming" : oneIn(25, 3) ? "vip" : undefined
  const second = pick(leafCategories, leafIndex % 2 === 0 ? leafIndex + 1 : leafIndex - 1)

  return {
    number,
    handle,
    title,
    subtitle: `${noun} in ${material.toLowerCase()}, ${colours.join(" or ").toLowerCase()}`,
    description:
      `The ${title} is made for ${pick(occasions, number + round)}. It comes from ${pick(makers, number)}, ` +
      `where it is finished by hand in ${colours[0].toLowerCase()} and ${colours[1].toLowerCase()}. ` +
      `${pick(care, round)} Delivered in plastic-free packaging, and covered by our two-year promise.`,
    published: !oneIn(25, 14),
    bulky: leaf.bulky ?? false,
    wholesale: oneIn(3, 0),
    ...(offer ? { offer } : {}),
    type: leaf.type,
    material,
    weight: leaf.weight,
    collection: pick(collections, number * 3 + round),
    categories: oneIn(4, 1) ? [leaf.name, second.name] : [leaf.name],
    tags: [...new Set([number, number * 3 + 5, number * 7 + 11, round + 2].map((n) => pick(tags, n)))],
    images: ["front", "back", "detail"].map(
      (view) => `https://cdn.example.com/products/${handle}/${view}.jpg`,
    ),
    sizes,
    colours,
    variants: sizes.flatMap((size, step) =>
      colours.map((colour) => ({
        sku: [leaf.type.slice(0, 3), String(number + 1).padStart(5, "0"), size.replace(" ", ""), colour]
          .join("-")
          .toUpperCase(),
        title: `${size} / ${colour}`,
        size,
        colour,
        eur: eur + step * 2,
        usd: Math.round((eur + step * 2) * 1.1) + 0.5,
        ...(nordic ? { nordics: Math.round((eur + step * 2) * 1.22) + 0.9 } : {}),
      })),
    ),
  }
}

/** The element at an index counted round and round. */
function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length]!
}
