/** A product as a store reads it, about 13 KB as JSON: eight variants with prices, options, images and dates. */
const id = (kind, number) => `${kind}_01J9Z${String(number).padStart(21, "ABCDEFGHJKMNPQRSTVWX0")}`

function product(number = 1) {
  const created = new Date(Date.UTC(2025, 4, 1 + (number % 28), 9, 30, 12, 345))
  const times = {
    created_at: created,
    updated_at: new Date(created.getTime() + 86_400_000),
    deleted_at: null,
  }
  const productId = id("prod", number)
  const colour = { id: id("opt", number), title: "Colour", product_id: productId, metadata: null, ...times }
  const size = { id: id("opt", number + 1), title: "Size", product_id: productId, metadata: null, ...times }
  return {
    id: productId,
    title: `Organic cotton T-shirt no. ${number}`,
    handle: `organic-cotton-t-shirt-${number}`,
    subtitle: null,
    description:
      "Cut from soft organic cotton with a straight fit and a ribbed collar. Made to be worn every day, " +
      "washed often and kept for years. Machine wash at 30 degrees, dry flat, do not bleach.",
    is_giftcard: false,
    status: "published",
    thumbnail: `https://shop.example/images/${productId}/front.png`,
    weight: "400",
    material: "cotton",
    metadata: { season: "summer", care: ["30 degrees", "dry flat"] },
    collection_id: id("pcol", 3),
    type: { id: id("ptyp", 1), value: "T-shirt", metadata: null, ...times },
    categories: [1, 2].map((n) => ({ id: id("pcat", n), name: `Category ${n}`, handle: `c-${n}`, ...times })),
    images: [1, 2, 3, 4].map((n) => ({
      id: id("img", n),
      url: `https://shop.example/images/${productId}/${n}.png`,
      rank: n,
      metadata: null,
      ...times,
    })),
    options: [colour, size],
    variants: Array.from({ length: 8 }, (_, n) => variant(number * 10 + n, n, productId, times)),
    ...times,
  }
}

function variant(number, rank, productId, times) {
  const value = (kind, text) => ({
    id: id("optval", number),
    value: text,
    option_id: id("opt", kind),
    ...times,
  })
  return {
    id: id("variant", number),
    title: `${["S", "M", "L", "XL"][rank % 4]} / ${rank < 4 ? "Black" : "White"}`,
    sku: `SHIRT-${number}`,
    barcode: null,
    ean: null,
    allow_backorder: false,
    manage_inventory: true,
    weight: 400 + rank,
    variant_rank: rank,
    metadata: null,
    product_id: productId,
    options: [value(1, ["S", "M", "L", "XL"][rank % 4]), value(2, rank < 4 ? "Black" : "White")],
    calculated_price: {
      id: id("pset", number),
      is_calculated_price_price_list: false,
      calculated_amount: 1950 + rank,
      original_amount: 1950 + rank,
      currency_code: "eur",
    },
    prices: ["eur", "usd"].map((currency_code, n) => ({
      id: id("price", number + n),
      amount: 1950 + rank + n * 150,
      currency_code,
      rules_count: 0,
      ...times,
    })),
    ...times,
  }
}

module.exports = { product }
