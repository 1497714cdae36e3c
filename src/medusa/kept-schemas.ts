/**
 * What Medusa checks bodies and parameters of requests with. For each it makes a schema anew that allows no other fields, and for a cart's body another
 * that has additional data: objects of forty methods each, 0.1 ms apiece. Here they are made once for each schema they are made of.
 *
 * Two seams (2.21.2): `zodValidator` (framework/dist/zod/zod-helpers.js:211) and `WithAdditionalData` (medusa/dist/api/utils/validators.js:9).
 */
import { dirname, join } from "node:path"
import { z } from "@medusajs/framework/zod"

type Strict = Pick<z.ZodObject, "strict">
type Validate = (schema: unknown, given: unknown) => Promise<unknown>
/** Of what a store adds to it, `undefined` when it adds nothing. */
type Extended = (additional: unknown) => unknown
type Extend = (schema: unknown, change?: (schema: unknown) => unknown) => Extended

/** @returns false when it is not as expected, and nothing was changed */
export function keepStrictSchemas(): boolean {
  const http = dirname(require.resolve("@medusajs/framework/http"))
  const module = require(join(http, "../zod/zod-helpers")) as { zodValidator?: Validate }
  const validate = module.zodValidator
  if (typeof validate !== "function") return false
  const kept = new WeakMap<object, Strict>()
  module.zodValidator = (schema, given) =>
    validate(schema instanceof z.ZodObject ? strictOf(schema, kept) : schema, given)
  return true
}

/** For Medusa to make strict: what it made of the same before. */
function strictOf(schema: Strict, kept: WeakMap<object, Strict>): Strict {
  let made = kept.get(schema)
  if (!made) {
    const strict = schema.strict()
    made = { strict: () => strict }
    kept.set(schema, made)
  }
  return made
}

/** @returns false when it is not as expected, and nothing was changed */
export function keepExtendedSchemas(): boolean {
  const module = require("@medusajs/medusa/api/utils/validators") as { WithAdditionalData?: Extend }
  const extend = module.WithAdditionalData
  if (typeof extend !== "function") return false
  module.WithAdditionalData = (schema, change) => {
    const extended = extend(schema, change)
    // What changes it is the store's, and may do so each time otherwise.
    return change ? extended : ofLast(extended)
  }
  return true
}

function ofLast(extended: Extended): Extended {
  let last: { additional: unknown; schema: unknown } | undefined
  return (additional) => {
    if (!last || last.additional !== additional) last = { additional, schema: extended(additional) }
    return last.schema
  }
}
