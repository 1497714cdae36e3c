/** What steps of workflows are given, beside what Medusa gives them. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { inspect, types } from "node:util"
import { BigNumber, OrchestrationUtils } from "@medusajs/framework/utils"
import { pickFields, proxyModule } from "../../src/medusa/picked-fields"
import {
  type Reference,
  resolveModule,
  resolveValue,
  resolveValuesOnce,
} from "../../src/medusa/resolved-values"
import { pickOf, randomOf } from "../history/random"

const seed = Number(process.env.SEED ?? Date.now() % 100_000)
const theirs = resolveModule()!
const medusas = theirs.resolveValue!
type Context = Parameters<typeof medusas>[1]

class Money {
  constructor(readonly amount: number) {}
}

/**
 * A template by chance, and what its references stand for. The same seed gives the same.
 * @param isUsual whether what is given and what steps gave is data, as it is in workflows
 */
function given(seed: number, isUsual = false): { template: unknown; context: Context } {
  const random = randomOf(seed)
  const pick = pickOf(random)
  const many = (most: number) => Math.floor(random() * (most + 1))
  const scalars: (() => unknown)[] = [
    () => "text",
    () => many(9),
    () => null,
    () => undefined,
    () => () => 1,
    () => Symbol.iterator,
    () => new Date(many(9)),
    () => new BigNumber(`${many(9)}.50`),
    () => new Map([[1, 2]]),
    () => new Money(many(9)),
  ]
  const fieldsOf = (depth: number) => Array.from({ length: many(4) }, (_, i) => [`f${i}`, valueAt(depth + 1)])
  const object = (depth: number) => Object.fromEntries(fieldsOf(depth))
  const data: ((depth: number) => unknown)[] = [
    object,
    object,
    (depth) => Array.from({ length: many(3) }, () => valueAt(depth + 1)),
    () => Object.create(null),
    (depth) => ({ ...object(depth), [Symbol("mark")]: 1 }),
    (depth) => ({ ...object(depth), constructor: "mine" }),
    (depth) => Object.defineProperty(object(depth), "f0", { value: "hidden", enumerable: false }),
    (depth) => ({ key: "pair", value: valueAt(depth + 1) }),
  ]
  const { SymbolInputReference, SymbolWorkflowStep, SymbolWorkflowStepResponse } = OrchestrationUtils
  const { SymbolMedusaWorkflowResponse, SymbolWorkflowWorkflowData } = OrchestrationUtils
  const { SymbolWorkflowStepTransformer } = OrchestrationUtils
  const steps: Record<string, unknown> = {}
  let count = 0
  let isPayload = true
  let isData = false
  const step = (depth: number) => {
    const name = `step ${count++}`
    const output = isUsual ? dataAt(depth + 1) : valueAt(depth + 1)
    const response = { __type: SymbolWorkflowStepResponse, output }
    steps[name] = pick([() => ({ output: response }), () => ({ output }), () => response, () => output])()
    return { __type: SymbolWorkflowStep, __step__: name }
  }
  const transformer = (depth: number) => {
    const value = dataAt(depth + 1)
    const isLate = random() < 0.8
    return {
      __type: SymbolWorkflowStepTransformer,
      __resolver: () => (isLate ? Promise.resolve(value) : value),
    }
  }
  const references: ((depth: number) => object)[] = [
    () => (isPayload ? null : { __type: SymbolInputReference }) as object,
    step,
    transformer,
    transformer,
    (depth) => ({ __type: SymbolMedusaWorkflowResponse, $result: valueAt(depth + 1) }),
    (depth) => ({ __type: SymbolWorkflowWorkflowData, output: valueAt(depth + 1) }),
    (depth) => ({ __type: SymbolWorkflowStepResponse, output: valueAt(depth + 1) }),
    (depth) => new Proxy(step(depth), {}),
    () => ({ __type: "other" }),
    (depth) => Promise.resolve(dataAt(depth + 1)),
  ]
  function valueAt(depth: number): unknown {
    const isDeep = depth > 5
    if (isDeep || random() < 0.3) return pick(scalars)()
    return !isData && random() < 0.35 ? pick(references)(depth) : pick(data)(depth)
  }
  /** Of what comes later Medusa forgets the rest when something in it comes later again. */
  function dataAt(depth: number): unknown {
    const was = isData
    isData = true
    const value = valueAt(depth)
    isData = was
    return value
  }
  isData = isUsual
  const payload = object(2)
  isData = false
  isPayload = false
  return { template: valueAt(0), context: { payload, invoke: steps } }
}

/** What is given, or why not, with the order of its names. */
async function told(resolve: typeof medusas, seed: number, isUsual?: boolean): Promise<string> {
  const { template, context } = given(seed, isUsual)
  const toldOf = (value: unknown) => inspect(value, { depth: null, showHidden: true })
  try {
    const value = resolve(template, context)
    return value instanceof Promise ? value.then(toldOf, (error) => `rejected: ${error.name}`) : toldOf(value)
  } catch (error) {
    return (error as Error).name
  }
}

/** What fails, and nobody hears of, while something is done and right after it. */
async function unheard(act: () => unknown): Promise<unknown[]> {
  const failures: unknown[] = []
  const note = (reason: unknown) => failures.push(reason)
  process.on("unhandledRejection", note)
  try {
    await act()
    for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done))
  } finally {
    process.off("unhandledRejection", note)
  }
  return failures
}

describe("what a step is given", () => {
  it(`is what Medusa gives it, of whatever it is put together (seed ${seed})`, async () => {
    for (let n = seed; n < seed + 4_000; n++) {
      assert.equal(await told(resolveValue, n), await told(medusas, n), `seed ${n}`)
    }
  })

  it("is nothing, and fails no more, when something in it stands for nothing", async () => {
    const bad = { deep: { __type: OrchestrationUtils.SymbolWorkflowStepTransformer } }
    const payload = { list: [Promise.resolve(1)], bad }
    const template = { given: { __type: OrchestrationUtils.SymbolInputReference } }
    for (const resolve of [medusas, resolveValue]) {
      const failing = () => assert.throws(() => resolve(template, { payload, invoke: {} }), TypeError)
      assert.deepEqual(await unheard(failing), [])
    }
  })

  it("fails once, when both what is there and what is late cannot be had", async () => {
    class Circle {
      self = this
    }
    const failing = () => new Promise((_, reject) => setImmediate(() => reject(new Error("late"))))
    const payloads = [
      () => ({ list: [failing(), new Circle()] }),
      () => ({ data: { list: [{ deep: [failing()] }], bad: new Circle() } }),
      () => ({ late: failing(), bad: new Circle() }),
      () => ({ late: failing(), deep: { late: failing() }, bad: new Circle() }),
    ]
    const template = { given: { __type: OrchestrationUtils.SymbolInputReference } }
    for (const payload of payloads) {
      const resolving = async () => resolveValue(template, { payload: payload(), invoke: {} })
      assert.deepEqual(await unheard(() => assert.rejects(resolving)), [])
    }
  })

  it("is its own", () => {
    const item = { amounts: [{ value: 1 }] }
    const context = { payload: { items: [item] }, invoke: {} }
    const template = { cart: { __type: OrchestrationUtils.SymbolInputReference }, list: [item] }
    const { cart, list } = resolveValue(template, context) as {
      cart: { items: (typeof item)[] }
      list: (typeof item)[]
    }
    cart.items[0]!.amounts[0]!.value = 2
    list[0]!.amounts[0]!.value = 3
    assert.equal(item.amounts[0]!.value, 1)
  })

  describe("of a field", () => {
    const stock = proxyModule()!.proxify!
    const ours = () => proxyModule()!.proxify!
    before(() => assert.ok(pickFields()))
    after(() => {
      proxyModule()!.proxify = stock
    })
    const names = ["f0", "f1", "key", "value", "length", "toString", Symbol("mark"), "__proto__", "config"]
    const toldOf = (proxify: typeof stock, seed: number) =>
      told(
        (template, context) => {
          if (!(template as Reference | null)?.__type || types.isProxy(template)) return "of none"
          const one = proxify(template as Reference) as Record<string | symbol, Record<string, unknown>>
          const deep = ["f1", "value", "key", "amount", "length"].map((name) => one.f0?.[name])
          return resolveValue({ picked: names.map((name) => one[name]), deep }, context)
        },
        seed,
        true,
      )

    it(`is what it is in Medusa (seed ${seed})`, async () => {
      let count = 0
      for (let n = seed; n < seed + 8_000; n++) {
        const expected = await toldOf(stock, n)
        if (!expected.includes("of none")) count++
        // Medusa could not copy something, perhaps what is beside it.
        if (expected.includes("TypeError")) continue
        assert.equal(await toldOf(ours(), n), expected, `seed ${n}`)
      }
      assert.ok(count > 100)
    })

    it("is found at once, and what fails is no exception", async () => {
      const circle: { self?: object } = {}
      circle.self = circle
      const cart = ours()({ __type: OrchestrationUtils.SymbolWorkflowStep, __step__: "cart" })
      const { items, bad } = cart as Record<string, unknown>
      const context = (given: object) => ({ invoke: { cart: { output: given } } })
      const found = { items: [{ id: "a" }] }
      for (const template of [{ items }, { deep: { items } }]) {
        assert.ok(!(resolveValue(template, context(found)) instanceof Promise))
      }
      assert.deepEqual(resolveValue({ items }, context(found)), found)
      class Answer {
        self = circle
      }
      for (const template of [{ bad }, bad, [{ bad }]]) {
        const value = resolveValue(template, context({ bad: new Answer() }))
        assert.ok(value instanceof Promise)
        await assert.rejects(value, TypeError)
      }
    })

    it("copies nothing else", async () => {
      let copied = 0
      const count = { toJSON: () => `${++copied}`, constructor: Date }
      const invoke = { cart: { output: { items: [{ id: "a" }], count } } }
      const items = (proxify: typeof stock) => {
        const cart = proxify({ __type: OrchestrationUtils.SymbolWorkflowStep, __step__: "cart" })
        return medusas({ items: (cart as Record<string, unknown>).items }, { invoke })
      }
      assert.deepEqual(await items(stock), { items: [{ id: "a" }] })
      assert.equal(copied, 1)
      assert.deepEqual(await items(ours()), { items: [{ id: "a" }] })
      assert.equal(copied, 1)
    })

    it("waits for what is beside it, as Medusa does", async () => {
      const cart = { __type: OrchestrationUtils.SymbolInputReference }
      for (const proxify of [stock, ours()]) {
        const payload = { id: "a", late: Promise.reject(new Error("late")) }
        const { id } = proxify(cart) as Record<string, unknown>
        await assert.rejects(async () => medusas({ id }, { payload, invoke: {} }), { message: "late" })
      }
    })
  })

  it("fails as Medusa does when what it waits for fails", async () => {
    const late = (message: string) => () =>
      new Promise((_, reject) => setImmediate(() => reject(new Error(message))))
    const { SymbolWorkflowStepTransformer: __type } = OrchestrationUtils
    const template = () => ({
      first: { __type, __resolver: late("one") },
      list: [{ deep: { __type, __resolver: late("two") } }],
    })
    for (const resolve of [medusas, resolveValue]) {
      await assert.rejects(async () => resolve(template(), { invoke: {} }), { message: "one" })
    }
  })

  it("is put together as ever when Medusa gives something else", () => {
    try {
      theirs.resolveValue = () => "other"
      assert.equal(resolveValuesOnce(), false)
      theirs.resolveValue = medusas
      assert.equal(resolveValuesOnce(), true)
      assert.equal(theirs.resolveValue, resolveValue)
    } finally {
      theirs.resolveValue = medusas
    }
  })
})
