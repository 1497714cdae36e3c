/** The ids that Medusa's own functions make up are heard of, as its models and workflows call them. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { generateEntityId } from "@medusajs/framework/utils"

import { noteMadeIds, noteMadeUlids } from "../../src/medusa/made-ids"

const ulids = require("ulid") as { ulid(at?: number): string }

it("ids that are made up are noted, and those that were given are not", () => {
  const made: string[] = []
  const freshness = { made: (id: string) => made.push(id) }
  assert.ok(noteMadeIds(freshness))
  assert.ok(noteMadeUlids(freshness))
  const id = generateEntityId(undefined, "cart")
  assert.match(id, /^cart_[0-9A-Z]{26}$/)
  assert.equal(generateEntityId("cart_of_mine", "cart"), "cart_of_mine")
  assert.deepEqual(made, [id.slice("cart_".length), id])
  assert.equal(ulids.ulid(), made.at(-1))
  ulids.ulid(0)
  assert.equal(made.length, 3, "one of another time is no new one")
})
