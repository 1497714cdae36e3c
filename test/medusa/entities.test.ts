/** Held equal to what Medusa's own Caching Module computes, by asking it. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { CacheInvalidationParser } from "@medusajs/caching/dist/utils/parser"
import { GraphQLUtils } from "@medusajs/framework/utils"
import { type EntitySchema, tagsOfData, tagsOfEvent } from "../../src/medusa/entities"

const executable = GraphQLUtils.makeExecutableSchema({
  typeDefs: `
    type Product { id: ID! title: String handle: String variants: [ProductVariant!]! type: ProductType }
    type ProductVariant { id: ID! title: String sku: String prices: [Money] }
    type ProductType { id: ID! value: String }
    type Money { id: ID! amount: Float }
    type Query { products: [Product] }
  `,
})
const idPrefixToEntityName = { prod: "Product", variant: "ProductVariant" }
const schema: EntitySchema = {
  types: new Map(
    Object.entries(executable.getTypeMap()).filter(
      ([name, type]) => !name.startsWith("__") && "getFields" in type,
    ),
  ) as never,
  idPrefixes: idPrefixToEntityName,
}
const medusa = new CacheInvalidationParser(executable, [{ idPrefixToEntityName }] as never)
const medusaTags = (data: object) =>
  medusa.buildInvalidationEvents(medusa.parseObjectForEntities(data)).flatMap((event) => event.cacheKeys)

const product = {
  id: "prod_1",
  title: "Shirt",
  variants: [
    { id: "variant_1", sku: "a", prices: [{ id: "x1", amount: 5 }] },
    { id: "variant_2", sku: "b", prices: [] },
  ],
  type: { id: "ptyp_1", value: "Clothes" },
  created_at: new Date(),
}

describe("automatic tags", () => {
  it("find every entity that Medusa finds", () => {
    for (const data of [
      product,
      { data: [product], metadata: { count: 1 } },
      { id: "unknown" },
      {},
      [product],
    ]) {
      const ours = new Set(tagsOfData(data, schema))
      assert.deepEqual(
        medusaTags(data).filter((tag) => !tag.endsWith(":list:*") && !ours.has(tag)),
        [],
      )
    }
  })

  it("name entities and, for those in lists, their lists", () => {
    assert.deepEqual(
      new Set(tagsOfData({ data: [product] }, schema)),
      new Set([
        "Product:prod_1",
        "Product:list:*",
        "ProductVariant:variant_1",
        "ProductVariant:variant_2",
        "ProductVariant:list:*",
        "Money:x1",
        "Money:list:*",
        "ProductType:ptyp_1",
      ]),
    )
    assert.deepEqual(tagsOfData(null, schema), [])
    assert.deepEqual(tagsOfData({ data: [] }, schema), [])
  })

  it("come from events by the same names", () => {
    assert.deepEqual(tagsOfEvent({ name: "product.product.updated", data: { id: "prod_1" } }), [
      "Product:prod_1",
      "Product:list:*",
    ])
    assert.deepEqual(
      tagsOfEvent({ name: "pricing.price-list.deleted", data: [{ id: ["a", "b"] }, { id: "c" }] }),
      ["PriceList:a", "PriceList:b", "PriceList:c", "PriceList:list:*"],
    )
    assert.deepEqual(tagsOfEvent({ name: "LinkProductSalesChannel.attached", data: { id: undefined } }), [
      "LinkProductSalesChannel:undefined",
      "LinkProductSalesChannel:list:*",
    ])
    assert.deepEqual(tagsOfEvent({ name: "order.placed", data: { id: "order_1" } }), ["Order:order_1"])
    assert.deepEqual(tagsOfEvent({ name: "nonsense" }), [])
  })
})
