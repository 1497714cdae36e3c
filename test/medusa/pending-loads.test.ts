import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { PendingLoads } from "../../src/medusa/pending-loads"
import { FakeClock } from "../support/clock"

const clock = new FakeClock()
const fence = (seq: number) => ({ epoch: "e", seq, at: clock.now() })

describe("loads under way", () => {
  it("give a set the oldest fence of its key", () => {
    const loads = new PendingLoads(clock)
    loads.began("k", fence(1))
    loads.began("k", fence(2))
    loads.began("other", fence(3))
    assert.equal(loads.ended("k")?.seq, 1)
    assert.equal(loads.ended("k")?.seq, 2)
    assert.equal(loads.ended("k"), undefined)
  })

  it("keep the oldest when very many load the same", () => {
    const loads = new PendingLoads(clock)
    for (let seq = 1; seq <= 100; seq++) loads.began("k", fence(seq))
    const fences = Array.from({ length: 100 }, () => loads.ended("k")?.seq)
    assert.equal(fences[0], 1)
    assert.ok(fences.filter((seq) => seq !== undefined).length <= 16)
  })

  it("are forgotten when their caller must be long gone", () => {
    const loads = new PendingLoads(clock)
    loads.began("k", fence(1))
    clock.advance(600_001)
    loads.began("other", fence(2))
    assert.equal(loads.ended("k"), undefined)
    assert.equal(loads.ended("other")?.seq, 2)
  })
})
