/**
 * What the shop sells, sorted: types, tags, collections and the category tree. Each leaf category names the
 * things found in it, what they cost and weigh, so that a product always fits the place it is shown in.
 */

export type ProductTypeName = "Apparel" | "Footwear" | "Home" | "Books" | "Accessories"

export interface LeafCategory {
  name: string
  nouns: readonly [string, ...string[]]
  /** Lowest price in euros; the dearest product of the category costs about twice as much. */
  price: number
  /** Weight in grams. */
  weight: number
  /** Too big for a parcel: ships with the profile "Bulky". */
  bulky?: boolean
}

interface RootCategory {
  name: string
  type: ProductTypeName
  branches: readonly { name: string; leaves: readonly [LeafCategory, LeafCategory] }[]
}

export const productTypes: readonly ProductTypeName[] = [
  "Apparel",
  "Footwear",
  "Home",
  "Books",
  "Accessories",
]

export const tags = [
  "new",
  "bestseller",
  "organic",
  "handmade",
  "recycled",
  "vegan",
  "limited",
  "gift",
  "everyday",
  "travel",
  "office",
  "outdoor",
  "summer",
  "winter",
  "classic",
  "minimal",
  "colourful",
  "fair-trade",
  "local",
  "last-pieces",
] as const

export const collections = [
  "Spring Arrivals",
  "Summer by the Sea",
  "Autumn Walks",
  "Winter Warmers",
  "The Quiet Office",
  "Weekend Away",
  "Made to Last",
  "Under Fifty",
  "Gifts for Them",
  "The Essentials",
] as const

export const categoryTree: readonly RootCategory[] = [
  {
    name: "Women",
    type: "Apparel",
    branches: [
      {
        name: "Women's Tops",
        leaves: [
          { name: "Blouses", nouns: ["Blouse", "Tunic"], price: 39, weight: 210 },
          { name: "Women's Knitwear", nouns: ["Cardigan", "Turtleneck"], price: 59, weight: 420 },
        ],
      },
      {
        name: "Dresses and Skirts",
        leaves: [
          { name: "Dresses", nouns: ["Shirt Dress", "Wrap Dress", "Pinafore"], price: 69, weight: 380 },
          { name: "Skirts", nouns: ["Midi Skirt", "Pleated Skirt"], price: 45, weight: 300 },
        ],
      },
      {
        name: "Women's Outerwear",
        leaves: [
          { name: "Women's Coats", nouns: ["Trench Coat", "Cocoon Coat"], price: 149, weight: 1150 },
          { name: "Women's Jackets", nouns: ["Cropped Jacket", "Quilted Jacket"], price: 99, weight: 760 },
        ],
      },
    ],
  },
  {
    name: "Men",
    type: "Apparel",
    branches: [
      {
        name: "Men's Tops",
        leaves: [
          { name: "Shirts", nouns: ["Oxford Shirt", "Band Collar Shirt"], price: 49, weight: 280 },
          { name: "T-Shirts", nouns: ["Crew Tee", "Pocket Tee", "Henley"], price: 19, weight: 180 },
        ],
      },
      {
        name: "Trousers and Jeans",
        leaves: [
          { name: "Jeans", nouns: ["Straight Jeans", "Tapered Jeans"], price: 79, weight: 690 },
          { name: "Chinos", nouns: ["Chinos", "Drawstring Trousers"], price: 59, weight: 480 },
        ],
      },
      {
        name: "Men's Outerwear",
        leaves: [
          { name: "Parkas", nouns: ["Parka", "Field Coat"], price: 159, weight: 1300 },
          { name: "Overshirts", nouns: ["Overshirt", "Chore Jacket"], price: 89, weight: 640 },
        ],
      },
    ],
  },
  {
    name: "Shoes",
    type: "Footwear",
    branches: [
      {
        name: "Casual Shoes",
        leaves: [
          { name: "Sneakers", nouns: ["Court Sneaker", "Runner"], price: 79, weight: 820 },
          { name: "Slip-Ons", nouns: ["Slip-On", "Espadrille"], price: 39, weight: 540 },
        ],
      },
      {
        name: "Smart Shoes",
        leaves: [
          { name: "Loafers", nouns: ["Penny Loafer", "Tassel Loafer"], price: 119, weight: 860 },
          { name: "Lace-Ups", nouns: ["Derby Shoe", "Brogue"], price: 129, weight: 940 },
        ],
      },
      {
        name: "Boots",
        leaves: [
          { name: "Ankle Boots", nouns: ["Chelsea Boot", "Desert Boot"], price: 139, weight: 1100 },
          { name: "Hiking Boots", nouns: ["Hiking Boot", "Trail Boot"], price: 149, weight: 1350 },
        ],
      },
    ],
  },
  {
    name: "Home and Living",
    type: "Home",
    branches: [
      {
        name: "Furniture",
        leaves: [
          {
            name: "Sofas and Armchairs",
            nouns: ["Armchair", "Daybed"],
            price: 449,
            weight: 28000,
            bulky: true,
          },
          { name: "Side Tables", nouns: ["Side Table", "Stool"], price: 89, weight: 4200 },
        ],
      },
      {
        name: "Textiles",
        leaves: [
          { name: "Blankets", nouns: ["Throw Blanket", "Plaid"], price: 59, weight: 1200 },
          { name: "Candles and Scents", nouns: ["Pillar Candle", "Scented Candle"], price: 14, weight: 350 },
        ],
      },
      {
        name: "Tableware",
        leaves: [
          { name: "Cups and Mugs", nouns: ["Mug", "Espresso Cup", "Tumbler"], price: 12, weight: 380 },
          { name: "Bowls and Plates", nouns: ["Serving Bowl", "Dinner Plate"], price: 16, weight: 620 },
        ],
      },
    ],
  },
  {
    name: "Books and Paper",
    type: "Books",
    branches: [
      {
        name: "Cookery Books",
        leaves: [
          { name: "Baking Books", nouns: ["Bread Book", "Pastry Book"], price: 24, weight: 780 },
          { name: "Kitchen Books", nouns: ["Supper Book", "Market Cookbook"], price: 26, weight: 840 },
        ],
      },
      {
        name: "Art and Travel Books",
        leaves: [
          { name: "City Guides", nouns: ["City Guide", "Walking Guide"], price: 18, weight: 420 },
          { name: "Photo Books", nouns: ["Photo Book", "Picture Atlas"], price: 34, weight: 1250 },
        ],
      },
      {
        name: "Notebooks and Planners",
        leaves: [
          { name: "Notebooks", nouns: ["Notebook", "Sketchbook"], price: 11, weight: 260 },
          { name: "Planners", nouns: ["Planner", "Desk Diary"], price: 17, weight: 310 },
        ],
      },
    ],
  },
  {
    name: "Bags and Accessories",
    type: "Accessories",
    branches: [
      {
        name: "Bags",
        leaves: [
          { name: "Backpacks", nouns: ["Backpack", "Rucksack"], price: 69, weight: 890 },
          { name: "Totes", nouns: ["Tote Bag", "Shopper"], price: 29, weight: 340 },
        ],
      },
      {
        name: "Small Accessories",
        leaves: [
          { name: "Belts", nouns: ["Belt", "Braided Belt"], price: 35, weight: 240 },
          { name: "Wallets", nouns: ["Wallet", "Card Holder"], price: 29, weight: 110 },
        ],
      },
      {
        name: "Headwear and Scarves",
        leaves: [
          { name: "Hats and Caps", nouns: ["Beanie", "Bucket Hat", "Cap"], price: 22, weight: 120 },
          { name: "Scarves", nouns: ["Scarf", "Bandana"], price: 25, weight: 160 },
        ],
      },
    ],
  },
]

/** The category whose products take part in the promotion that applies by itself. */
export const promotedCategory = "Candles and Scents"

/** All leaves in the order of the tree, each with where it hangs. */
export const leafCategories = categoryTree.flatMap((root) =>
  root.branches.flatMap((branch) =>
    branch.leaves.map((leaf) => ({ ...leaf, branch: branch.name, type: root.type })),
  ),
)

/** The name as it appears in an address: lower case, words joined by hyphens. */
export function handleOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll("'", "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
}
