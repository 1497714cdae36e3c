/** What Medusa says to bodies, before and after, and how often it makes a schema for that. */
import assert from "node:assert/strict"
import { before, describe, it } from "node:test"
import { validateAndTransformBody } from "@medusajs/framework/http"
import { z } from "@medusajs/framework/zod"
import { keepExtendedSchemas, keepStrictSchemas } from "../../src/medusa/kept-schemas"

const validators = require("@medusajs/medusa/api/utils/validators") as {
  WithAdditionalData(schema: z.ZodObject, change?: (schema: z.ZodObject) => z.ZodType): Schema
}
type Schema = z.ZodType | ((additional?: z.ZodType) => z.ZodType)

const cart = z.object({ email: z.string().email(), items: z.array(z.object({ id: z.string() })).optional() })
const bodies: unknown[] = [
  { email: "ada@lovelace.test" },
  { email: "ada@lovelace.test", items: [{ id: "a", more: 1 }] },
  { email: "ada@lovelace.test", admin: true },
  { email: "ada" },
  { email: "ada@lovelace.test", additional_data: { note: "a" } },
  { email: "ada@lovelace.test", additional_data: { note: 5 } },
  undefined,
]
const added = z.object({ note: z.string() }).nullish()

describe("schemas of bodies", () => {
  const changed = (schema: z.ZodObject) => schema.refine((body) => !body.items, "No items.")
  const schemas = (): Record<string, Schema> => ({
    plain: cart,
    refined: cart.refine((body) => body.email !== "ada@lovelace.test", "Not she."),
    list: z.array(cart),
    extended: validators.WithAdditionalData(cart),
    "extended and changed": validators.WithAdditionalData(cart, changed as never),
  })
  const answers = async () => {
    const given: Record<string, unknown[]> = {}
    for (const [name, schema] of Object.entries(schemas())) {
      for (const additional of [undefined, added, undefined]) {
        for (const body of bodies) {
          given[name] ??= []
          given[name].push(await say(schema, body, additional))
        }
      }
    }
    return given
  }
  let expected: Record<string, unknown[]>

  before(async () => {
    expected = await answers()
    assert.ok(keepStrictSchemas())
    assert.ok(keepExtendedSchemas())
  })

  it("say the same", async () => {
    assert.deepEqual(await answers(), expected)
    const told = JSON.stringify(expected)
    for (const fault of ["Unrecognized", "Not she", "No items"]) assert.match(told, new RegExp(fault))
  })

  it("are made strict once", async () => {
    const schema = z.object({ email: z.string() })
    const times = timesOf(schema, "strict")
    for (let i = 0; i < 3; i++) assert.deepEqual(await say(schema, { email: "a" }), { email: "a" })
    assert.match(String(await say(schema, { email: "a", b: 1 })), /Unrecognized/)
    assert.equal(times(), 1)
  })

  it("are extended once for what is added", async () => {
    const schema = z.object({ email: z.string() })
    const times = timesOf(schema, "extend")
    const extended = validators.WithAdditionalData(schema)
    for (const additional of [undefined, undefined, added, added, undefined]) {
      await say(extended, { email: "a" }, additional)
    }
    assert.equal(times(), 3)
  })

  it("that a store changes itself are changed each time", async () => {
    let most = 1
    const limited = validators.WithAdditionalData(z.object({ items: z.array(z.string()) }), (schema) =>
      schema.refine(({ items }) => (items as string[]).length <= most, "Too many."),
    )
    const body = { items: ["a", "b"] }
    assert.match(String(await say(limited, body)), /Too many/)
    most = 2
    assert.deepEqual(await say(limited, body), body)
  })

  it("that are no schemas of zod are asked each time", async () => {
    let limit = 1
    const own = { strict: () => ({ parseAsync: async () => limit }) }
    assert.equal(await say(own as never, {}), 1)
    limit = 2
    assert.equal(await say({ strict: own.strict } as never, {}), 2)
    const other = { strict: () => z.literal(limit) }
    assert.equal(await say(other as never, 2), 2)
    limit = 3
    assert.equal(await say(other as never, 3), 3)
  })
})

/** @returns what is left of the body, or what is wrong with it */
async function say(schema: Schema, body: unknown, additionalDataValidator?: z.ZodType): Promise<unknown> {
  const request = { body, additionalDataValidator, validatedBody: undefined }
  const fault = await new Promise((resolve) =>
    validateAndTransformBody(schema as never)(request as never, {} as never, resolve),
  )
  return fault === undefined ? request.validatedBody : String(fault)
}

function timesOf(schema: object, name: string): () => number {
  const call = Reflect.get(schema, name) as (...given: unknown[]) => unknown
  let times = 0
  Object.defineProperty(schema, name, {
    value: (...given: unknown[]) => {
      times++
      return call.apply(schema, given)
    },
  })
  return () => times
}
