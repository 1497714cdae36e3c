/** The promise of freshness, kept by real processes through real faults; and a checker that can see. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { Broken } from "./actor"
import { run } from "./experiment"
import { type Happening, violations } from "./history"

const seed = Number(process.env.HISTORY_SEED ?? Math.floor(Math.random() * 1_000_000))

describe("the checker", () => {
  const write = (counter: number, acknowledgedAt: number): Happening => {
    return { kind: "write", key: "k", counter, acknowledgedAt }
  }
  const read = (counter: number, startedAt: number): Happening => {
    return { kind: "read", key: "k", counter, startedAt, process: 0 }
  }

  it("lets a read be old that began within the bound, and no other", () => {
    assert.equal(violations([write(1, 100), read(0, 90), read(0, 150), read(1, 151)], 50).length, 0)
    assert.equal(violations([write(1, 100), read(0, 151)], 50).length, 1)
    assert.equal(violations([write(2, 100), write(1, 120), read(1, 300)], 50).length, 1)
    assert.equal(violations([write(1, 100), { ...read(0, 300), key: "other" }], 50).length, 0)
  })
})

describe(`the history of several processes (HISTORY_SEED=${seed})`, () => {
  it("holds no stale read, while Redis and processes stop, die and forget", async () => {
    const outcome = await run({ seed, processes: 3, duration: 8_000, faults: true })
    assert.ok(outcome.reads > 1_200, `only ${outcome.reads} reads`)
    assert.deepEqual(outcome.violations, [], outcome.faults.join("\n"))
  })

  for (const broken of [
    "no fence",
    "capture after load",
    "lost message",
    "evicted reads as zero",
  ] as Broken[]) {
    it(`shows stale reads when broken: ${broken}`, async () => {
      const faults = broken === "evicted reads as zero"
      const outcome = await run({ seed: 7, processes: 3, duration: faults ? 9_000 : 4_000, faults, broken })
      assert.ok(
        outcome.violations.length > 0,
        `${outcome.reads} reads, nothing seen\n${outcome.faults.join("\n")}`,
      )
    })
  }
})
