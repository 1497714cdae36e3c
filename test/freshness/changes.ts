/**
 * Every kind of change that shapes what a shopper is answered: where it is seen, and how it is made.
 * A row's change is made by an admin through the first store, or as raw SQL beside all of them.
 */
import type { Scene, Store } from "./scene"

type Json = Record<string, unknown>

/** Something a shopper looks at. The same of every store that is fresh. */
export type View = (store: Store) => Promise<unknown>

/** What the rows change, found once. */
export interface Things {
  region: string
  product: Json & { id: string; variants: (Json & { id: string })[] }
  category: string
  collection: string
  tag: string
  type: string
  channel: string
  profile: string
  store: string
  /** An admin's view of the shipping option of the region. */
  option: string
  customer: { id: string; headers: Record<string, string> }
  group: string
  taxRate: string
  taxRegion: string
  level: { item: string; location: string }
}

export interface Change {
  name: string
  view: View
  /** @returns a moment in milliseconds to wait before it counts, if it is the clock that makes it */
  make(scene: Scene): Promise<unknown>
  /** Raw SQL beside the stores: nobody acknowledges it to a store. */
  isRaw?: boolean
  undo?(scene: Scene): Promise<unknown>
}

const prices = "*variants.calculated_price"

export function changesOf(things: Things): Change[] {
  const { region, product, category, collection, tag, type, channel, profile, option, customer, group } =
    things
  const { taxRate, taxRegion, level } = things
  const variant = product.variants[0]!
  const list: View = (store) =>
    store.get(
      `/store/products?limit=100&region_id=${region}&fields=${prices},+metadata,*tags,*type,*collection,*categories,*images`,
    )
  const detail: View = (store) =>
    store.get(`/store/products/${product.id}?region_id=${region}&fields=${prices},*options,*options.values`)
  const inCategory: View = (store) =>
    store.get(`/store/products?limit=100&region_id=${region}&category_id=${category}&fields=id`)
  const inCollection: View = (store) =>
    store.get(`/store/products?limit=100&region_id=${region}&collection_id=${collection}&fields=id`)
  const withTag: View = (store) =>
    store.get(`/store/products?limit=100&region_id=${region}&tag_id=${tag}&fields=id`)
  const variants: View = (store) =>
    store.get(`/store/product-variants?limit=200&region_id=${region}&fields=id,title,sku,*calculated_price`)
  const stock: View = (store) =>
    store.get(
      `/store/products?limit=100&region_id=${region}&fields=id,variants.id,%2Bvariants.inventory_quantity`,
    )
  const mine: View = (store) =>
    store.get(`/store/products?limit=100&region_id=${region}&fields=id,${prices}`, customer.headers)
  const plain =
    (path: string): View =>
    (store) =>
      store.get(`/store/${path}`)
  const branded = plain("branded")
  const inGerman = plain(`products?limit=100&region_id=${region}&fields=id,title&locale=de-DE`)
  const translated = (title: string) => ({
    reference_id: product.id,
    reference: "product",
    locale_code: "de-DE",
    translations: { title },
  })
  const byHandle = (handle: string) => plain(`products?handle=${handle}&region_id=${region}&fields=id,title`)

  /** A new cart for Berlin: prices, taxes, discounts, and what delivery costs. */
  const cart =
    (codes: string[] = []): View =>
    async (store) => {
      const given = {
        region_id: region,
        items: [{ variant_id: variant.id, quantity: 2 }],
        shipping_address: {
          country_code: "de",
          city: "Berlin",
          postal_code: "10115",
          address_1: "1",
          first_name: "A",
          last_name: "L",
        },
        promo_codes: codes,
      }
      const answer = (await store.post("/store/carts", given)) as { cart?: Json & { id: string } }
      if (!answer.cart) return answer
      const { shipping_options: options = [] } = (await store.get(
        `/store/shipping-options?cart_id=${answer.cart.id}`,
      )) as {
        shipping_options?: Json[]
      }
      const { total, tax_total, discount_total, item_total, currency_code } = answer.cart
      const offered = options.map(({ name, amount }) => ({ name, amount }))
      return { total, tax_total, discount_total, item_total, currency_code, offered }
    }

  const admin =
    (method: string, path: string, body?: unknown) =>
    ({ first }: Scene) =>
      first.admin(method, path, body)
  const sql = (text: string, values?: unknown[]) => (scene: Scene) => scene.sql(text, values)
  /** Made by one row, used by those after it. */
  const made: Record<string, string> = {}
  const keep = async (name: string, making: Promise<Json>, at: string) => {
    made[name] = (making && ((await making)[at] as { id: string })).id
  }
  const newProduct = (handle: string) => ({
    title: `New ${handle}`,
    handle,
    status: "published",
    shipping_profile_id: profile,
    options: [{ title: "Size", values: ["S"] }],
    variants: [
      {
        title: "S",
        options: { Size: "S" },
        manage_inventory: false,
        prices: [{ currency_code: "eur", amount: 5 }],
      },
    ],
    sales_channels: [{ id: channel }],
  })
  const promotion = (code: string, more: Json = {}) => ({
    code,
    type: "standard",
    status: "active",
    application_method: {
      type: "percentage",
      target_type: "items",
      allocation: "across",
      value: 10,
      currency_code: "eur",
    },
    ...more,
  })
  const rows: Change[] = [
    {
      name: "a product's title",
      view: list,
      make: admin("POST", `products/${product.id}`, { title: "Changed" }),
    },
    {
      name: "a product's title, on its page",
      view: detail,
      make: admin("POST", `products/${product.id}`, { title: "Changed again" }),
    },
    {
      name: "a product's title, by SQL",
      isRaw: true,
      view: list,
      make: sql("update product set title = 'By SQL' where id = $1", [product.id]),
    },
    {
      name: "a product's metadata",
      view: list,
      make: admin("POST", `products/${product.id}`, { metadata: { a: 1 } }),
    },
    {
      name: "a product's images",
      view: list,
      make: admin("POST", `products/${product.id}`, { images: [{ url: "https://example.com/a.png" }] }),
    },
    {
      name: "a product's status",
      view: list,
      make: admin("POST", `products/${product.id}`, { status: "draft" }),
    },
    {
      name: "a product's status, back",
      view: list,
      make: admin("POST", `products/${product.id}`, { status: "published" }),
    },
    {
      name: "a handle asked before it was given",
      view: byHandle("fresh-handle"),
      make: admin("POST", `products/${product.id}`, { handle: "fresh-handle" }),
    },
    {
      name: "a handle asked before the product existed",
      view: byHandle("new-one"),
      make: ({ first }) => keep("product", first.admin("POST", "products", newProduct("new-one")), "product"),
    },
    {
      name: "a new product in the list",
      view: list,
      make: ({ first }) => keep("other", first.admin("POST", "products", newProduct("new-two")), "product"),
    },
    {
      name: "a deleted product",
      view: list,
      make: (scene) => scene.first.admin("DELETE", `products/${made.product}`),
    },
    {
      name: "a restored product, by SQL",
      isRaw: true,
      view: list,
      make: (scene) =>
        scene.sql(
          "with link as (update product_sales_channel set deleted_at = null where product_id = $1) update product set deleted_at = null where id = $1",
          [made.product],
        ),
    },
    {
      name: "a new variant, by SQL",
      isRaw: true,
      view: detail,
      make: sql(
        "insert into product_variant (id, title, product_id, manage_inventory) values ('variant_new', 'Extra', $1, false)",
        [product.id],
      ),
    },
    {
      name: "a variant's title",
      view: variants,
      make: admin("POST", `products/${product.id}/variants/${variant.id}`, { title: "Other" }),
    },
    {
      name: "a variant deleted, by SQL",
      isRaw: true,
      view: detail,
      make: sql("update product_variant set deleted_at = now() where id = $1", [product.variants.at(-1)!.id]),
    },
    {
      name: "a variant restored, by SQL",
      isRaw: true,
      view: detail,
      make: sql("update product_variant set deleted_at = null where id = $1", [product.variants.at(-1)!.id]),
    },
    {
      name: "an option's value, by SQL",
      isRaw: true,
      view: detail,
      make: sql(
        "update product_option_value set value = value || ' (new)' where id in (select option_value_id from product_variant_option where variant_id = $1)",
        [variant.id],
      ),
    },
    {
      name: "an option's title, by SQL",
      isRaw: true,
      view: detail,
      make: sql(
        "update product_option set title = title || ' (new)' where id in (select product_option_id from product_product_option where product_id = $1)",
        [product.id],
      ),
    },
    {
      name: "a price",
      view: list,
      make: admin("POST", `products/${product.id}/variants/${variant.id}`, {
        prices: [{ currency_code: "eur", amount: 77 }],
      }),
    },
    { name: "a price, by SQL", isRaw: true, view: list, make: sql(priceSql, [variant.id, 88]) },
    {
      name: "a price, in the list of variants",
      isRaw: true,
      view: variants,
      make: sql(priceSql, [variant.id, 99]),
    },
    {
      name: "a price, in a cart",
      view: cart(),
      make: admin("POST", `products/${product.id}/variants/${variant.id}`, {
        prices: [{ currency_code: "eur", amount: 66 }],
      }),
    },
    {
      name: "a new price list",
      view: list,
      make: ({ first }) =>
        keep(
          "prices",
          first.admin("POST", "price-lists", {
            title: "Sale",
            description: "Sale",
            type: "sale",
            status: "active",
            prices: [{ variant_id: variant.id, currency_code: "eur", amount: 3 }],
          }),
          "price_list",
        ),
    },
    {
      name: "a price list's price, by SQL",
      isRaw: true,
      view: list,
      make: (scene) =>
        scene.sql(
          'update price set amount = 2, raw_amount = \'{"value": "2", "precision": 20}\' where price_list_id = $1',
          [made.prices],
        ),
    },
    {
      name: "a price list's status",
      view: list,
      make: (scene) => scene.first.admin("POST", `price-lists/${made.prices}`, { status: "draft" }),
    },
    {
      name: "a price list's status, back",
      view: list,
      make: (scene) => scene.first.admin("POST", `price-lists/${made.prices}`, { status: "active" }),
    },
    {
      name: "a price list's rules",
      view: list,
      make: (scene) =>
        scene.first.admin("POST", `price-lists/${made.prices}`, { rules: { "customer.groups.id": [group] } }),
    },
    {
      name: "a customer's group",
      view: mine,
      make: (scene) =>
        scene.first.admin("POST", `customer-groups/${group}/customers`, { add: [customer.id] }),
    },
    {
      name: "a customer's group, left, by SQL",
      isRaw: true,
      view: mine,
      make: sql("delete from customer_group_customer where customer_id = $1", [customer.id]),
    },
    {
      name: "a price list that begins by the clock",
      view: list,
      make: async (scene) => {
        await scene.first.admin("POST", `price-lists/${made.prices}`, {
          rules: {},
          starts_at: new Date(Date.now() + 1_500).toISOString(),
        })
        return Date.now() + 1_500
      },
    },
    {
      name: "a price list that ends by the clock",
      view: list,
      make: async (scene) => {
        await scene.first.admin("POST", `price-lists/${made.prices}`, {
          ends_at: new Date(Date.now() + 1_500).toISOString(),
        })
        return Date.now() + 1_500
      },
    },
    {
      name: "a price list without an end",
      view: list,
      make: (scene) => scene.first.admin("POST", `price-lists/${made.prices}`, { ends_at: null }),
    },
    {
      name: "a deleted price list",
      view: list,
      make: (scene) => scene.first.admin("DELETE", `price-lists/${made.prices}`),
    },
    {
      name: "a price preference",
      view: list,
      make: sql(
        "update price_preference set is_tax_inclusive = not is_tax_inclusive where attribute = 'currency_code' and value = 'eur' or attribute = 'region_id' and value = $1",
        [region],
      ),
      isRaw: true,
    },
    {
      name: "a promotion asked before it existed",
      view: cart(["LATER"]),
      make: ({ first }) =>
        keep("promotion", first.admin("POST", "promotions", promotion("LATER")), "promotion"),
    },
    {
      name: "a promotion's value, by SQL",
      isRaw: true,
      view: cart(["LATER"]),
      make: (scene) =>
        scene.sql(
          'update promotion_application_method set value = 20, raw_value = \'{"value": "20", "precision": 20}\' where promotion_id = $1',
          [made.promotion],
        ),
    },
    {
      name: "a promotion's status",
      view: cart(["LATER"]),
      make: (scene) => scene.first.admin("POST", `promotions/${made.promotion}`, { status: "inactive" }),
    },
    {
      name: "a promotion's status, back",
      view: cart(["LATER"]),
      make: (scene) => scene.first.admin("POST", `promotions/${made.promotion}`, { status: "active" }),
    },
    {
      name: "a campaign that ends by the clock",
      view: cart(["LATER"]),
      make: async (scene) => {
        const at = Date.now() + 1_500
        await keep(
          "campaign",
          scene.first
            .admin("POST", "campaigns", {
              name: "Week",
              campaign_identifier: `week-${at}`,
              starts_at: new Date(0).toISOString(),
              ends_at: new Date(at).toISOString(),
              promotions: [{ id: made.promotion }],
            })
            .catch(async () =>
              scene.first.admin("POST", "campaigns", {
                name: "Week",
                campaign_identifier: `week-${at}`,
                starts_at: new Date(0).toISOString(),
                ends_at: new Date(at).toISOString(),
              }),
            ),
          "campaign",
        )
        await scene.first.admin("POST", `campaigns/${made.campaign}/promotions`, { add: [made.promotion] })
        return at
      },
    },
    {
      name: "a campaign's end moved",
      view: cart(["LATER"]),
      make: (scene) =>
        scene.first.admin("POST", `campaigns/${made.campaign}`, {
          ends_at: new Date(Date.now() + 86_400_000).toISOString(),
        }),
    },
    {
      name: "a deleted promotion",
      view: cart(["LATER"]),
      make: (scene) => scene.first.admin("DELETE", `promotions/${made.promotion}`),
    },
    {
      name: "a category's name",
      view: plain("product-categories?limit=100"),
      make: admin("POST", `product-categories/${category}`, { name: "Renamed" }),
    },
    {
      name: "a category's name, in the list of products, by SQL",
      isRaw: true,
      view: list,
      make: sql("update product_category set name = 'By SQL' where id = $1", [category]),
    },
    {
      name: "a new category",
      view: plain("product-categories?limit=100"),
      make: ({ first }) =>
        keep(
          "category",
          first.admin("POST", "product-categories", { name: "Brand new", is_active: true }),
          "product_category",
        ),
    },
    {
      name: "a category taken out of sight",
      view: plain("product-categories?limit=100"),
      make: (scene) => scene.first.admin("POST", `product-categories/${made.category}`, { is_active: false }),
    },
    {
      name: "products of a category",
      view: inCategory,
      make: (scene) =>
        scene.first.admin("POST", `product-categories/${category}/products`, { add: [made.other] }),
    },
    {
      name: "products of a category, by SQL",
      isRaw: true,
      view: inCategory,
      make: (scene) => scene.sql("delete from product_category_product where product_id = $1", [made.other]),
    },
    {
      name: "a collection's title",
      view: list,
      make: admin("POST", `collections/${collection}`, { title: "Renamed" }),
    },
    {
      name: "a collection's title, in the list of collections",
      view: plain("collections?limit=100"),
      make: admin("POST", `collections/${collection}`, { title: "Renamed again" }),
    },
    {
      name: "products of a collection",
      view: inCollection,
      make: (scene) => scene.first.admin("POST", `collections/${collection}/products`, { add: [made.other] }),
    },
    { name: "a tag's value", view: list, make: admin("POST", `product-tags/${tag}`, { value: "renamed" }) },
    {
      name: "a product's tags",
      view: withTag,
      make: (scene) => scene.first.admin("POST", `products/${made.other}`, { tags: [{ id: tag }] }),
    },
    {
      name: "a type's value",
      view: list,
      make: admin("POST", `product-types/${type}`, { value: "renamed" }),
    },
    {
      name: "a product's type",
      view: list,
      make: (scene) => scene.first.admin("POST", `products/${made.other}`, { type_id: type }),
    },
    {
      name: "products of a sales channel",
      view: list,
      make: (scene) =>
        scene.first.admin("POST", `sales-channels/${channel}/products`, { remove: [made.other] }),
    },
    {
      name: "products of a sales channel, by SQL",
      isRaw: true,
      view: list,
      make: (scene) =>
        scene.sql("update product_sales_channel set deleted_at = null where product_id = $1", [made.other]),
    },
    {
      name: "a region's name",
      view: plain("regions"),
      make: admin("POST", `regions/${region}`, { name: "Renamed" }),
    },
    {
      name: "a region's countries",
      view: plain("regions"),
      isRaw: true,
      make: sql("update region_country set region_id = $1 where iso_2 = 'at'", [region]),
    },
    {
      name: "a region's currency, in prices",
      isRaw: true,
      view: list,
      make: sql("update region set currency_code = 'usd' where id = $1", [region]),
    },
    {
      name: "a region's currency, back, in a cart",
      isRaw: true,
      view: cart(),
      make: sql("update region set currency_code = 'eur' where id = $1", [region]),
    },
    {
      name: "a region's automatic taxes",
      view: cart(),
      make: admin("POST", `regions/${region}`, { automatic_taxes: false }),
    },
    {
      name: "a region's automatic taxes, back",
      view: cart(),
      make: admin("POST", `regions/${region}`, { automatic_taxes: true }),
    },
    {
      name: "a currency's name",
      isRaw: true,
      view: plain("currencies?limit=200"),
      make: sql("update currency set name = 'Renamed' where code = 'eur'"),
    },
    { name: "a tax rate", view: cart(), make: admin("POST", `tax-rates/${taxRate}`, { rate: 50 }) },
    {
      name: "a tax rate, in the list, by SQL",
      isRaw: true,
      view: (store) =>
        store.get(`/store/products?limit=100&region_id=${region}&country_code=de&fields=id,${prices}`),
      make: sql("update tax_rate set rate = 40 where tax_region_id = $1 and is_default", [taxRegion]),
    },
    {
      name: "a new tax rate",
      view: cart(),
      make: ({ first }) =>
        first.admin("POST", "tax-rates", {
          tax_region_id: taxRegion,
          name: "For one",
          code: "one",
          rate: 1,
          is_default: false,
          rules: [{ reference: "product", reference_id: product.id }],
        }),
    },
    {
      name: "a shipping option's name",
      view: cart(),
      make: admin("POST", `shipping-options/${option}`, { name: "Renamed" }),
    },
    {
      name: "a shipping option's price, by SQL",
      isRaw: true,
      view: cart(),
      make: sql(
        'update price set amount = 42, raw_amount = \'{"value": "42", "precision": 20}\' where price_set_id in (select price_set_id from shipping_option_price_set where shipping_option_id = $1)',
        [option],
      ),
    },
    {
      name: "a shipping option's rules, by SQL",
      isRaw: true,
      view: cart(),
      make: sql(
        "update shipping_option_rule set value = '\"true\"' where shipping_option_id = $1 and attribute = 'is_return'",
        [option],
      ),
    },
    {
      name: "a shipping option's rules, back",
      isRaw: true,
      view: cart(),
      make: sql(
        "update shipping_option_rule set value = '\"false\"' where shipping_option_id = $1 and attribute = 'is_return'",
        [option],
      ),
    },
    { name: "a deleted shipping option", view: cart(), make: admin("DELETE", `shipping-options/${option}`) },
    {
      name: "stock",
      view: stock,
      make: admin("POST", `inventory-items/${level.item}/location-levels/${level.location}`, {
        stocked_quantity: 4321,
      }),
    },
    {
      name: "stock, by SQL",
      isRaw: true,
      view: stock,
      make: sql(
        'update inventory_level set stocked_quantity = 1234, raw_stocked_quantity = \'{"value": "1234", "precision": 20}\' where inventory_item_id = $1',
        [level.item],
      ),
    },
    {
      name: "the store's default region",
      view: (store) => store.get("/store/products?limit=5&fields=id,*variants.calculated_price"),
      make: async ({ first, sql }) => {
        const [other] = await sql("select id from region where id <> $1 and deleted_at is null limit 1", [
          region,
        ])
        return first.admin("POST", `stores/${things.store}`, { default_region_id: other!.id })
      },
    },
    {
      name: "the languages of the store",
      view: plain("locales"),
      make: admin("POST", `stores/${things.store}`, {
        supported_locales: [{ locale_code: "en-US" }, { locale_code: "de-DE" }],
      }),
    },
    {
      name: "a translation that was not there before",
      view: inGerman,
      make: admin("POST", "translations/batch", { create: [translated("Titel")] }),
    },
    {
      name: "a translation, by SQL",
      view: inGerman,
      isRaw: true,
      make: sql(`update translation set translations = '{"title": "Anders"}' where reference_id = $1`, [
        product.id,
      ]),
    },
    {
      name: "a deleted translation",
      view: inGerman,
      make: async ({ first, sql }) => {
        const [{ id }] = (await sql("select id from translation where reference_id = $1", [product.id])) as [
          Json,
        ]
        return first.admin("POST", "translations/batch", { delete: [id] })
      },
    },
    {
      name: "a row of a custom module that was not linked yet",
      isRaw: true,
      view: branded,
      make: sql(
        "with brand as (insert into brand (id, name) values ('brand_1', 'Acme') returning id) insert into product_product_brand_brand (id, product_id, brand_id) select 'link_1', $1, id from brand",
        [product.id],
      ),
    },
    {
      name: "a row of a custom module",
      isRaw: true,
      view: branded,
      make: sql("update brand set name = 'Other' where id = 'brand_1'"),
    },
    {
      name: "a link to a custom module",
      isRaw: true,
      view: branded,
      make: sql("update product_product_brand_brand set deleted_at = now() where product_id = $1", [
        product.id,
      ]),
    },
    {
      name: "the channels of a publishable key",
      isRaw: true,
      view: list,
      make: sql(
        "update publishable_api_key_sales_channel set deleted_at = now() where sales_channel_id = $1",
        [channel],
      ),
    },
    {
      name: "the channels of a publishable key, back",
      isRaw: true,
      view: list,
      make: sql(
        "update publishable_api_key_sales_channel set deleted_at = null where sales_channel_id = $1",
        [channel],
      ),
    },
    {
      name: "a publishable key that is revoked by the clock",
      isRaw: true,
      view: list,
      make: async ({ first, second, sql }) => {
        const at = Date.now() + 2_500
        await sql("update api_key set revoked_at = to_timestamp($1) where type = 'publishable'", [at / 1_000])
        // What is rendered until then must not outlive it.
        for (const store of [first, second, first, second]) await list(store)
        return at + 50
      },
    },
    {
      name: "a publishable key that was revoked by the clock, valid again",
      isRaw: true,
      view: list,
      make: sql("update api_key set revoked_at = null where type = 'publishable'"),
    },
    {
      name: "a revoked publishable key",
      isRaw: true,
      view: list,
      make: sql("update api_key set revoked_at = now() where type = 'publishable'"),
    },
    {
      name: "a publishable key valid again",
      isRaw: true,
      view: list,
      make: sql("update api_key set revoked_at = null where type = 'publishable'"),
    },
  ]
  return rows
}

const priceSql = `update price set amount = $2::int, raw_amount = jsonb_build_object('value', $2::text, 'precision', 20)
  where currency_code = 'eur' and price_list_id is null and price_set_id in
    (select price_set_id from product_variant_price_set where variant_id = $1)`

export async function findThings({ first, truth, sql }: Scene): Promise<Things> {
  const { regionId: region } = first.ready
  const { products } = (await truth.get(
    `/store/products?limit=100&region_id=${region}&fields=id,*variants,*tags,*categories,type_id,collection_id`,
  )) as { products: (Things["product"] & { tags: { id: string }[]; categories: { id: string }[] })[] }
  const product = products.find(
    ({ tags, categories, collection_id, type_id }) =>
      tags.length && categories.length && collection_id && type_id,
  )!
  product.variants.sort((a, b) => (a.id < b.id ? -1 : 1))
  // A price list would hide the price that the rows change.
  await sql(
    "delete from price where price_list_id is not null and price_set_id in (select price_set_id from product_variant_price_set where variant_id = $1)",
    [product.variants[0]!.id],
  )
  const one = async (text: string, values?: unknown[]) =>
    Object.values((await sql(text, values))[0]!)[0] as string
  const item = await one(
    "select inventory_item_id from product_variant_inventory_item l join inventory_level using (inventory_item_id) join product_variant v on v.id = l.variant_id and v.manage_inventory limit 1",
  )
  const taxRegion = await one(
    "select id from tax_region where country_code = 'de' and parent_id is null and deleted_at is null",
  )
  return {
    region,
    product,
    category: product.categories[0]!.id,
    collection: product.collection_id as string,
    tag: product.tags[0]!.id,
    type: product.type_id as string,
    channel: await one("select sales_channel_id from product_sales_channel where product_id = $1 limit 1", [
      product.id,
    ]),
    store: await one("select id from store limit 1"),
    profile: await one(
      "select shipping_profile_id from product_shipping_profile where product_id = $1 limit 1",
      [product.id],
    ),
    option: await one(
      "select o.id from shipping_option o join geo_zone g using (service_zone_id) where g.country_code = 'de' and o.deleted_at is null order by o.name limit 1",
    ),
    customer: await register(first),
    group: await one("select id from customer_group where deleted_at is null limit 1"),
    taxRate: await one(
      "select r.id from tax_rate r left join tax_rate_rule u on u.tax_rate_id = r.id and u.reference_id in ($2, $3) where r.tax_region_id = $1 and r.deleted_at is null and (u.id is not null or r.is_default) order by r.is_default limit 1",
      [taxRegion, product.id, product.type_id],
    ),
    taxRegion,
    level: {
      item,
      location: await one("select location_id from inventory_level where inventory_item_id = $1", [item]),
    },
  }
}

/** A customer of no group, signed in. */
async function register(store: Store): Promise<Things["customer"]> {
  const login = { email: `fresh-${Date.now()}@example.com`, password: "secret-secret" }
  const bearer = async (path: string) => {
    const { token } = (await store.post(path, login)) as { token: string }
    return { authorization: `Bearer ${token}` }
  }
  const newcomer = await bearer("/auth/customer/emailpass/register")
  const { customer } = (await store.post("/store/customers", { email: login.email }, newcomer)) as {
    customer: { id: string }
  }
  return { id: customer.id, headers: await bearer("/auth/customer/emailpass") }
}
