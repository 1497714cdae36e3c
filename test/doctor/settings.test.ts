import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { examineSettings, roadmapOf, type StoreSettings } from "../../src/doctor"

const redis = (resolve: string) => ({ resolve, providers: [] })
const good: StoreSettings = {
  hasRedisUrl: true,
  modules: {
    event_bus: redis("@medusajs/medusa/event-bus-redis"),
    workflows: redis("@medusajs/medusa/workflow-engine-redis"),
    locking: { resolve: "@medusajs/medusa/locking", providers: ["@medusajs/medusa/locking-redis"] },
    caching: redis("medusa-pegasus/.medusa/server/src/modules/caching"),
  },
  pool: { min: 2, max: 20 },
  workerMode: "server",
  compresses: false,
  hasKnownSecret: false,
  keepsSessionsElsewhere: false,
}
const { event_bus: _, ...noEvents } = good.modules

describe("the settings of a store", () => {
  it("that are good are let be", () => {
    assert.deepEqual(examineSettings(good), [])
  })

  const faults: [string, Partial<StoreSettings>][] = [
    ["event_bus", { modules: { ...good.modules, event_bus: redis("@medusajs/medusa/event-bus-local") } }],
    ["event_bus", { modules: noEvents }],
    [
      "workflows",
      { modules: { ...good.modules, workflows: redis("@medusajs/medusa/workflow-engine-inmemory") } },
    ],
    ["locking", { modules: { ...good.modules, locking: redis("@medusajs/medusa/locking") } }],
    ["sessions", { hasRedisUrl: false }],
    ["pool", { pool: { min: 2 } }],
    ["worker mode", { workerMode: "shared" }],
    ["secrets", { hasKnownSecret: true }],
    ["compression", { modules: { ...good.modules, caching: redis("@medusajs/medusa/caching") } }],
  ]
  for (const [subject, change] of faults) {
    it(`that are bad are found: ${subject}, ${JSON.stringify(change).slice(0, 60)}`, () => {
      const found = examineSettings({ ...good, ...change })
      assert.deepEqual(
        found.map((finding) => finding.subject),
        [subject],
      )
      assert.ok(found[0]!.lines)
    })
  }
})

describe("the plan", () => {
  const diagnosis = {
    format: "medusa-pegasus/doctor@1" as const,
    date: "",
    hidden: [],
    findings: [],
    planned: 0,
    refused: 0,
  }
  const states = (facts: Partial<Parameters<typeof roadmapOf>[0]>) =>
    roadmapOf({ diagnosis, settings: undefined, live: undefined, ...facts })
      .map(({ state }) => state[0])
      .join("")

  it("does not guess", () => {
    assert.equal(states({}), "uuuuuuuu")
  })

  it("says what is done", () => {
    const server = { version: "18", database: "", role: "", isWatched: true }
    const workload = { total: 0, byTotal: [], byMean: [], byCalls: [] }
    const live = { hitRatio: 0.9, asked: 8, isForCdn: true, isByCdn: true }
    assert.equal(states({ diagnosis: { ...diagnosis, server, workload }, settings: good, live }), "dddddddd")
  })

  it("says what is open", () => {
    const live = { hitRatio: 0.8, asked: 8, isForCdn: false, isByCdn: false }
    assert.equal(states({ live }), "uouuuoou")
  })
})
