/** What Medusa's functions give, before and after. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { TransactionOrchestrator } from "@medusajs/framework/orchestration"
import { cheapenFunctions } from "../../src/medusa/pure-functions"

const { ModuleDataFetcher, getAllFieldsAndRelations } = require("@medusajs/query")

it("functions that were made cheaper give what they gave", async () => {
  const config = () => ({
    serviceName: "cart",
    schema: "type Cart { id: ID }".repeat(1_000),
    primaryKeys: ["id"],
  })
  const expand = () => ({
    fields: ["id", "email", "items"],
    args: [{ name: "filters", value: { id: "1" } }],
    serviceConfig: config(),
    expands: { items: { fields: ["*"], parentConfig: config(), serviceConfig: config(), expands: {} } },
  })
  const flow = { steps: { _root: "root", "_root.a": "a", "_root.a.b": "b" } }
  const previous = () =>
    ["_root", "_root.a", "_root.a.b"].map((id) =>
      (TransactionOrchestrator as never as Previous).getPreviousStep(flow, { id }),
    )
  const before = [getAllFieldsAndRelations(expand()), previous()]
  assert.deepEqual(cheapenFunctions(), [])
  const asked: unknown[] = []
  const cart = { list: async (_filters: unknown, options: unknown) => void asked.push(options) }
  const fetcher = new ModuleDataFetcher(new Map([["cart", cart]]))
  const given = expand()
  await fetcher.executeFetchRequest({ expand: given })
  assert.deepEqual([getAllFieldsAndRelations(given), previous()], before)
  assert.ok(JSON.stringify(given).length < 500, "the configuration is not copied")
  assert.equal(given.serviceConfig.serviceName, "cart")
  assert.equal(asked.length, 1)
})

it("a function that is not as expected is left as it is", () => {
  const orchestrator = TransactionOrchestrator as never as Previous
  const other = () => "other"
  orchestrator.getPreviousStep = other
  assert.deepEqual(cheapenFunctions(), ["getPreviousStep"])
  assert.equal(orchestrator.getPreviousStep, other)
})

interface Previous {
  getPreviousStep(flow: object, step: { id: string }): unknown
}
