/** Loops as they are written in stores and plugins: those that ask once an element, and those that only look like it. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import ts from "typescript"
import { auditSource } from "../../src/doctor"

const found = (body: string) =>
  auditSource(ts, `export async function GET(req, res) {\n${body}\n}`, "route.ts").map(
    ({ line, loop }) => `${loop} ${line}`,
  )

describe("a loop that asks once an element", () => {
  const loops: Record<string, string> = {
    "for … of 3":
      "for (const item of items) {\n  await productModuleService.retrieveProduct(item.product_id)\n}",
    "map 3":
      "await Promise.all(items.map(async ({ id }) => {\n  const { data } = await query.graph({ entity: 'brand', filters: { id } })\n}))",
    "map 2": "return Promise.all(ids.map((id) => brandService.retrieveBrand(id)))",
    "forEach 3":
      "items.forEach(async function (item) {\n  await this.orderRepository_.find({ where: { id: item.id } })\n})",
    "for 3":
      "for (let i = 0; i < ids.length; i++) {\n  await (brandModule as IBrandService).deleteBrands(ids[i])\n}",
    "for … in 4":
      "const brands = req.scope.resolve('brand')\nfor (const id in byId) {\n  await brands.updateBrands({ id, name: byId[id] })\n}",
    "for … of 4":
      "for (const item of items) {\n  const wanted = { id: item.id }\n  await knex.raw('select 1 where id = ?', [wanted.id])\n}",
  }
  for (const [name, body] of Object.entries(loops)) {
    it(`is found: ${name}`, () => assert.deepEqual(found(body), [name]))
  }

  it("is told what asks once", () => {
    const [loop] = auditSource(
      ts,
      "for (const a of b) await productService.retrieveProductCategory(a.id)",
      "a.ts",
    )
    assert.match(loop!.instead, /listProductCategories\(\{ id: ids \}\)/)
  })

  it("is found once where loops are nested, in the inner one", () => {
    const body =
      "for (const order of orders) {\n  for (const item of order.items) {\n    await stockService.retrieveLevel(item.id)\n  }\n}"
    assert.deepEqual(found(body), ["for … of 4"])
  })
})

describe("a loop that does not", () => {
  const loops: Record<string, string> = {
    "goes page after page":
      "for (let skip = 0; skip < count; skip += 100) {\n  await query.graph({ entity: 'product', pagination: { skip, take: 100 } })\n}",
    "goes batch after batch":
      "for (const ids of chunk(all, 100)) {\n  await productService.deleteProducts(ids)\n}",
    "tries again":
      "for (let attempt = 0; attempt < 3; attempt++) {\n  await orderService.retrieveOrder(orderId)\n}",
    "asks before it":
      "const all = await productService.listProducts({ id: ids })\nfor (const item of all) {\n  item.total = sum(item)\n}",
    "asks nobody": "items.map((item) => this.service.format(item))",
    "asks another server": "for (const item of items) {\n  await stripeClient.create(item)\n}",
    "collects what is asked later": "for (const item of items) {\n  queue.add(item)\n}",
    "only names the property":
      "for (const item of items) {\n  await orderService.retrieveOrder(order.item)\n}",
  }
  for (const [name, body] of Object.entries(loops)) {
    it(`is let be: it ${name}`, () => assert.deepEqual(found(body), []))
  }
})
