/** Plans that are kept, beside those that Medusa makes. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { keepPlans } from "../../src/medusa/kept-plans"
import { moduleOf } from "../../src/medusa/query-package"
import { pickOf, randomOf } from "../history/random"

const seed = Number(process.env.SEED ?? Date.now() % 100_000)

type Compile = (compiling: { query: object; [name: string]: unknown }, catalog: object) => unknown
type Catalog = new (
  configs: object[],
  options: object,
) => object & {
  getServiceConfig(of: object): object | undefined
}
type Plan = { root: { args?: { name: string; value: unknown }[] }; expands: Map<string, object> }

const joiner = moduleOf<{ compileQuery: Compile }>("query", "joiner/compile.js")!
const { GraphCatalog } = moduleOf<{ GraphCatalog: Catalog }>("query", "joiner/catalog.js")!
const stock = joiner.compileQuery
let asked: { query: object }[] = []

const configs = () => [
  {
    serviceName: "cart",
    primaryKeys: ["id"],
    alias: [{ name: ["cart", "carts"], entity: "Cart" }],
    relationships: [
      { serviceName: "region", entity: "Region", alias: "region", primaryKey: "id", foreignKey: "region_id" },
      {
        serviceName: "variant",
        entity: "Variant",
        alias: "variant",
        primaryKey: "id",
        foreignKey: "items.variant_id",
      },
    ],
    extends: [
      {
        serviceName: "region",
        fieldAlias: { home: { path: "countries.home", isList: false } },
        relationship: { serviceName: "cart", alias: "cart", primaryKey: "region_id", foreignKey: "id" },
      },
    ],
  },
  {
    serviceName: "region",
    primaryKeys: ["id"],
    alias: [{ name: ["region", "regions"], entity: "Region" }],
    fieldAlias: { places: "countries" },
  },
  { serviceName: "variant", primaryKeys: ["id", "sku"], alias: [{ name: ["variant"], entity: "Variant" }] },
]

const queries = (n: number) => {
  const random = randomOf(n)
  const pick = pickOf(random)
  const some = <T>(of: readonly T[]) => of.filter(() => random() < 0.5)
  const fields = ["id", "name", "total", "*", "region", "region_id", "home"]
  const paths = ["region", "region.countries", "region.places", "items", "items.variant", "items.tax_lines"]
  const args = () => [{ name: "filters", value: { name: "a" } }]
  const shape = () => ({
    alias: pick(["cart", "cart", "region", "variant"]),
    ...(random() < 0.9 && { fields: some(fields) }),
    expands: some(paths).map((property) => ({
      property,
      ...(random() < 0.9 && { fields: some(fields) }),
      ...(random() < 0.1 && { args: random() < 0.5 ? [] : args() }),
    })),
  })
  const one = shape()
  const shapes = [one, { ...one, alias: pick(["cart", "region"]) }, { ...one, fields: some(fields) }, shape()]
  const filters = [
    { id: "a" },
    { id: ["a", "b"] },
    { id: { $in: ["a"] } },
    { name: "b", sku: null },
    { region: { id: "c" } },
    {},
  ]
  const others = [
    { name: "take", value: 1 },
    { name: "order", value: { name: "ASC" } },
    { name: "order", value: { region: { name: "ASC" } } },
    { name: "id", value: "d" },
  ]
  const make = () => ({
    ...structuredClone(pick(shapes)),
    ...(random() < 0.9 && {
      args: structuredClone([
        ...some(others).slice(0, 1),
        ...(random() < 0.8 ? [{ name: "filters", value: pick(filters) }] : []),
      ]),
    }),
  })
  return Array.from({ length: 12 }, make)
}

describe("plans of queries", () => {
  before(() => {
    joiner.compileQuery = (compiling, catalog) => {
      asked.push(compiling)
      return stock(compiling, catalog)
    }
    assert.ok(keepPlans())
  })
  beforeEach(() => {
    asked = []
  })
  after(() => {
    joiner.compileQuery = stock
  })

  function planner() {
    const catalog = new GraphCatalog(configs(), { autoCreateServiceNameAlias: true })
    const by =
      (compile: Compile) =>
      (query: object & { alias?: string }, more: object = {}) => {
        const serviceConfig = catalog.getServiceConfig({ serviceAlias: query.alias })!
        return compile({ query, serviceConfig, options: {}, initialData: [], ...more }, catalog) as Plan
      }
    return { kept: by((...given) => joiner.compileQuery(...given)), stock: by(stock) }
  }

  it(`are those that Medusa makes (seed ${seed})`, () => {
    let spared = 0
    for (let n = seed; n < seed + 1_500; n++) {
      const plan = planner()
      for (const query of queries(n)) {
        const [one, other] = [structuredClone(query), structuredClone(query)]
        const throws = (make: () => Plan) => {
          try {
            return make()
          } catch (error) {
            return String(error)
          }
        }
        asked = []
        const given = throws(() => plan.kept(one))
        if (asked.length === 1 && asked[0]!.query !== one) spared++
        const expected = throws(() => plan.stock(other))
        assert.deepEqual(given, expected, `seed ${n}`)
        if (typeof given === "string" || typeof expected === "string") continue
        assert.deepEqual([...given.expands.keys()], [...expected.expands.keys()], `seed ${n}`)
        assert.equal(given.expands.get("_root"), given.root, `seed ${n}`)
      }
    }
    assert.ok(spared > 500, String(spared))
  })

  const cart = (id: string) => ({
    alias: "cart",
    fields: ["id"],
    args: [{ name: "filters", value: { id } }],
    expands: [{ property: "region", fields: ["name"] }],
  })
  const isWhole = () => (asked.at(-1)!.query as { expands: unknown[] }).expands.length > 0

  it("are made twice, and then asked with what is new", () => {
    const plan = planner()
    const seen = ["a", "b", "c"].map((id) => {
      const { primaryKeyArg } = plan.kept(cart(id)) as unknown as { primaryKeyArg: { value: string } }
      return [primaryKeyArg.value, isWhole()]
    })
    assert.deepEqual(seen, [
      ["a", true],
      ["b", true],
      ["c", false],
    ])
  })

  it("are not kept while carrying them out changes them", () => {
    const plan = planner()
    for (const id of ["a", "b", "c", "d"]) {
      const made = plan.kept(cart(id))
      assert.ok(isWhole())
      Object.assign([...made.expands.values()][1]!, { [id]: true })
    }
  })

  it("are not kept of what is given beside the query", () => {
    const plan = planner()
    for (const id of ["a", "b", "c", "d"]) {
      plan.kept(cart(id), { initialData: [{ id, region_id: "r" }], options: { initialDataOnly: true } })
      assert.ok(isWhole())
    }
  })

  it("are of one catalogue of modules", () => {
    for (const id of ["a", "b", "c", "d"]) {
      planner().kept(cart(id))
      assert.ok(isWhole())
    }
  })
})
