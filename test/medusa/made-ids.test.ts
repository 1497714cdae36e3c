/** The ids that Medusa's own function makes up are heard of, as its models call it. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { generateEntityId } from "@medusajs/framework/utils"
import { noteMadeIds } from "../../src/medusa/made-ids"

it("ids that are made up are noted, and those that were given are not", () => {
  const made: string[] = []
  assert.ok(noteMadeIds({ made: (id) => made.push(id) }))
  const id = generateEntityId(undefined, "cart")
  assert.match(id, /^cart_[0-9A-Z]{26}$/)
  assert.equal(generateEntityId("cart_of_mine", "cart"), "cart_of_mine")
  assert.deepEqual(made, [id])
})
