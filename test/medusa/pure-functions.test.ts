/** What Medusa's functions give, before and after. */
import assert from "node:assert/strict"
import crypto from "node:crypto"
import { describe, it } from "node:test"
import { Configuration } from "@medusajs/framework/mikro-orm/core"
import { MikroORM } from "@medusajs/framework/mikro-orm/postgresql"
import { TransactionOrchestrator } from "@medusajs/framework/orchestration"
import * as utilities from "@medusajs/framework/utils"
import {
  BigNumber,
  createRawPropertiesFromBigNumber,
  EntitySerializer,
  MathBN,
  mikroOrmSerializer,
  model,
  toMikroOrmEntities,
} from "@medusajs/framework/utils"
import { cheapenFunctions, flattened } from "../../src/medusa/pure-functions"
import { pickOf, randomOf } from "../history/random"

const { ModuleDataFetcher, getAllFieldsAndRelations } = require("@medusajs/query")

/** What is asked of Medusa; each gives the same again. */
const questions: Record<string, () => unknown> = {
  numbers: () =>
    [
      ...texts,
      ...texts,
      10,
      0,
      -0,
      0.00001,
      1.005,
      { value: "3.10" },
      { value: "7", precision: 3 },
      { value: " " },
    ].map((one) => partsOf(one)),
  "numbers of less precision": () => texts.map((text) => partsOf(text, { precision: 4 })),
  "numbers that are counted with": () => {
    const sum = new BigNumber(MathBN.add(new BigNumber("0.1"), new BigNumber("0.2")))
    const read = new BigNumber("0.1")
    read.numeric = 5
    return [partsOf(sum), partsOf(read), partsOf("0.1")]
  },
  "numbers with their text": () => {
    const item = { quantity: new BigNumber("2.50"), total: MathBN.mult(3, "1.10") }
    createRawPropertiesFromBigNumber(item)
    return JSON.stringify([item, new BigNumber("2.50")])
  },
  "what is no number": () => ["ten", "", undefined, null, Number.NaN, true].map(faultOf(partsOf)),
  copies: () => things().map((thing) => utilities.parseStringifyIfNecessary(thing)),
  "what has no copy": () => {
    const circle: { self?: object } = {}
    circle.self = circle
    return [circle, Object.create(null), { amount: { toJSON: () => 1n } }].map(
      faultOf((thing) => utilities.parseStringifyIfNecessary(thing)),
    )
  },
  entities: () => {
    const serialized = mikroOrmSerializer(entities())
    return [serialized, Object.keys((serialized as object[])[0]!)]
  },
  "fields and relations": () => getAllFieldsAndRelations(expand()),
  "previous steps": () =>
    ["_root", "_root.a", "_root.a.b"].map((id) => orchestrator.getPreviousStep(flow, { id })),
  "entities, some fields": () =>
    mikroOrmSerializer(entities(), { populate: ["items"], exclude: ["email"], skipNull: true }),
}

const config = () => ({
  serviceName: "cart",
  schema: "type Cart { id: ID }".repeat(1_000),
  primaryKeys: ["id"],
})
const expand = () => ({
  fields: ["id", "email", "items"],
  args: [{ name: "filters", value: { id: "1" } }],
  serviceConfig: config(),
  executionStages: [[config()]],
  expands: { items: { fields: ["*"], parentConfig: config(), serviceConfig: config(), expands: {} } },
})
const flow = { steps: { _root: "root", "_root.a": "a", "_root.a.b": "b" } }
const orchestrator = TransactionOrchestrator as never as {
  getPreviousStep(flow: object, step: { id: string }): unknown
}

const texts = [
  "10",
  "10.50",
  "0",
  "0.00001",
  "-3",
  "1e3",
  "12345678901234567890.123456789",
  " 4 ",
  "-0",
  "Infinity",
]

function partsOf(value: unknown, options?: { precision: number }) {
  const number = new BigNumber(value as never, options)
  const { numeric, raw, bigNumber } = number
  return {
    numeric,
    raw,
    decimal: bigNumber!.toString(),
    text: JSON.stringify(number),
    keys: Object.keys(number),
  }
}

const faultOf =
  (ask: (value: unknown) => unknown) =>
  (value: unknown): string => {
    try {
      return JSON.stringify(ask(value))
    } catch (error) {
      return String(error)
    }
  }

class Money {
  constructor(readonly amount: number) {}
}

class Zero {
  toJSON = () => -0
}

const act = () => 1
const things = () => [
  undefined,
  null,
  "text",
  1n,
  act,
  [1, undefined, null, act, Symbol.iterator, [[new Date(5)]]],
  {
    a: undefined,
    b: null,
    c: act,
    d: Symbol.iterator,
    e: { f: undefined },
    [Symbol("g")]: 1,
    z: { y: [{}] },
  },
  {
    at: new Date(0),
    never: new Date(Number.NaN),
    money: new Money(3),
    map: new Map([[1, 2]]),
    bytes: Buffer.from("a"),
  },
  { number: new BigNumber("1.50"), none: new BigNumber(0), huge: { toJSON: () => Number.POSITIVE_INFINITY } },
  { constructor: "mine", at: new Date(1) },
  { nobody: { toJSON: () => undefined }, self: { toJSON: () => ({ at: new Date(2), gone: undefined }) } },
  new Money(4),
  new Zero(),
  Object.defineProperty({ seen: 1 }, "hidden", { value: 2, enumerable: false }),
  {
    get computed() {
      return { at: new Date(3) }
    },
  },
]

const Order = model.define("Order", {
  id: model.id({ prefix: "order" }).primaryKey(),
  email: model.text().nullable(),
  status: model.enum(["open", "done"]),
  total: model.bigNumber(),
  credit: model.bigNumber().nullable(),
  placed_at: model.dateTime(),
  is_gift: model.boolean(),
  metadata: model.json().nullable(),
  tags: model.array(),
  items: model.hasMany(() => Item, { mappedBy: "order" }),
})
const Item = model.define("Item", {
  id: model.id({ prefix: "item" }).primaryKey(),
  quantity: model.bigNumber(),
  order: model.belongsTo(() => Order, { mappedBy: "items" }),
})

let orm: MikroORM

/** As they are when they were read. */
function entities(): object[] {
  const em = orm.em.fork()
  const row = (id: string, more: object) => ({ ...orderRow, id, ...more })
  const rows = [
    row("order_1", { items: [itemRow("item_1", "order_1"), itemRow("item_2", "order_1")] }),
    row("order_2", { email: null, credit: "0", raw_credit: { value: "0", precision: 20 }, metadata: null }),
  ]
  const made = rows.map((data) =>
    em.getEntityFactory().create("Order", data, { merge: true, refresh: true, convertCustomTypes: true }),
  )
  return made.map((order) => Object.assign(order, { undeclared: "text" }))
}

const orderRow = {
  email: "ada@lovelace.test",
  status: "open",
  total: "12.50",
  raw_total: { value: "12.50", precision: 20 },
  placed_at: new Date(0),
  is_gift: false,
  metadata: { note: "a", at: null },
  tags: ["a", "b"],
}
const itemRow = (id: string, order: string) => ({
  id,
  quantity: "2",
  raw_quantity: { value: "2", precision: 20 },
  order,
})

const waitForAll = utilities.promiseAll

describe("functions that are made cheaper", () => {
  const named = (name: string) => ({ name, before: undefined as unknown })
  const cases = Object.keys(questions).map(named)

  it("are replaced, all of them", async () => {
    orm = await MikroORM.init({
      entities: toMikroOrmEntities([Order, Item]) as never,
      dbName: "none",
      connect: false,
    })
    for (const one of cases) one.before = questions[one.name]!()
    const serializer = EntitySerializer as never as { processProperty: unknown }
    const functions = () => [utilities.parseStringifyIfNecessary, serializer.processProperty]
    const before = functions()
    assert.deepEqual(cheapenFunctions(), [])
    assert.ok(functions().every((one, i) => one !== before[i]))
    assert.equal(new BigNumber("12.5").bigNumber, new BigNumber("12.5").bigNumber, "read once")
  })

  it("wait for what they waited for", async () => {
    const { promiseAll } = utilities
    assert.notEqual(promiseAll, waitForAll)
    const late = <T>(value: T) => new Promise<T>((resolve) => setImmediate(resolve, value))
    const fails = (message: string) => late(0).then(() => assert.fail(message))
    const cases: (() => unknown[])[] = [
      () => [],
      () => [1],
      () => [undefined],
      () => [late("a")],
      // biome-ignore lint/suspicious/noThenProperty: not every promise is one of the language.
      () => [{ then: (resolve: (value: unknown) => void) => resolve("b") }],
      () => [late("a"), "b"],
      () => [fails("one")],
      () => [late("a"), fails("one"), fails("two")],
    ]
    for (const promises of cases) {
      for (const aggregateErrors of [undefined, false, true]) {
        const options = aggregateErrors === undefined ? [] : [{ aggregateErrors }]
        const told = (wait: typeof waitForAll) =>
          wait(promises() as never, ...options).then(
            (values) => ({ values }),
            ({ name, message }) => ({ name, message }),
          )
        assert.deepEqual(await told(promiseAll), await told(waitForAll), String(promises))
      }
    }
  })

  for (const one of cases) {
    it(`give what they gave: ${one.name}`, () => {
      for (let time = 0; time < 2; time++) assert.deepEqual(questions[one.name]!(), one.before)
    })
  }

  it("copy no configuration to know the fields", async (t) => {
    const told = t.mock.method(JSON, "stringify").mock
    const asked: unknown[] = []
    const cart = { list: async (_filters: unknown, options: unknown) => void asked.push(options) }
    const given = expand()
    await new ModuleDataFetcher(new Map([["cart", cart]])).executeFetchRequest({ expand: given })
    assert.equal(asked.length, 1)
    const texts = told.calls.map(({ result }) => String(result))
    assert.ok(texts.length > 0 && texts.join().length < 500)
    assert.equal(given.serviceConfig.serviceName, "cart")
    assert.deepEqual(getAllFieldsAndRelations(given), questions["fields and relations"]!())
  })

  const seed = Number(process.env.FIELDS_SEED ?? Math.floor(Math.random() * 1_000_000))
  it(`know the same fields and relations by their whole names (seed ${seed})`, () => {
    const random = randomOf(seed)
    const pick = pickOf(random)
    const some = <T>(all: readonly T[]) => all.filter(() => random() < 0.4)
    const argsOf = () =>
      pick([undefined, [], [{ name: "filters", value: { id: ["a"] } }], [{ name: "take", value: 1 }]])
    const expandOf = (depth: number): Parameters<typeof flattened>[0] => ({
      fields: pick([undefined, ["*"], some(["id", "a", "b", "a.b", "c", "*"])]),
      args: argsOf(),
      expands:
        depth === 0
          ? undefined
          : Object.fromEntries(some(["a", "b", "c", "d"]).map((name) => [name, expandOf(depth - 1)])),
    })
    let flat = 0
    for (let n = 0; n < 3_000; n++) {
      const given = expandOf(3)
      const other = flattened(given)
      if (other !== given) flat++
      const told = (expand: unknown) => JSON.stringify(getAllFieldsAndRelations(expand))
      assert.equal(told(other), told(given), JSON.stringify(given))
    }
    assert.ok(flat > 1_000)
  })

  it("fork managers of entities without telling the environment", (t) => {
    const told = t.mock.method(Configuration.prototype as unknown as { sync(): void }, "sync").mock
    const before = orm.config.get("allowGlobalContext")
    assert.notEqual(orm.em.fork(), orm.em)
    assert.deepEqual([told.callCount(), orm.config.get("allowGlobalContext")], [0, before])
    orm.config.set("colors", orm.config.get("colors"))
    assert.equal(told.callCount(), 1)
  })

  it("make ids of many random bytes at once", (t) => {
    const asked = t.mock.method(crypto, "randomBytes").mock
    const ids = Array.from({ length: 2_000 }, () => utilities.generateEntityId(undefined, "cart"))
    assert.equal(asked.callCount(), 0)
    assert.equal(new Set(ids).size, ids.length)
    for (const id of ids) assert.match(id, /^cart_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
    const drawn = ids.map((id) => id.slice(15)).join("")
    assert.equal(new Set(drawn).size, 32)
  })

  it("are left as they are when they are not as expected", () => {
    const other = () => "other"
    orchestrator.getPreviousStep = other
    assert.deepEqual(
      cheapenFunctions(),
      ["getPreviousStep", "EntitySerializer"],
      "the second is cheap already",
    )
    assert.equal(orchestrator.getPreviousStep, other)
  })
})
