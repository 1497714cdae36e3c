import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { PendingLoads } from "../../src/medusa/pending-loads"
import { FakeClock } from "../../src/testing"

const clock = new FakeClock()
const done: number[] = []
const lead = (seq: number) => ({
  fence: { epoch: "e", seq, at: clock.now() },
  done: () => void done.push(seq),
})

describe("loads under way", () => {
  it("give every set the oldest fence until all have ended", () => {
    const loads = new PendingLoads(clock)
    loads.began("k", lead(1))
    loads.began("k", lead(2))
    loads.began("other", lead(3))
    assert.equal(loads.ended("k")?.fence.seq, 1)
    assert.equal(loads.ended("k")?.fence.seq, 1)
    assert.equal(loads.ended("k"), undefined)
    loads.began("k", lead(4))
    assert.equal(loads.ended("k")?.fence.seq, 4)
  })

  it("count every one, however many load the same", () => {
    const loads = new PendingLoads(clock)
    for (let seq = 1; seq <= 500; seq++) loads.began("k", lead(seq))
    for (let seq = 1; seq <= 500; seq++) assert.equal(loads.ended("k")?.fence.seq, 1)
    assert.equal(loads.ended("k"), undefined)
  })

  it("are taken for failed after a minute", () => {
    const loads = new PendingLoads(clock)
    done.length = 0
    loads.began("k", lead(1))
    clock.advance(30_000)
    loads.began("k", lead(2))
    clock.advance(30_000)
    assert.equal(loads.ended("k")?.fence.seq, 2)
    assert.deepEqual(done, [1])
    loads.began("gone", lead(3))
    clock.advance(60_000)
    loads.began("other", lead(4))
    assert.equal(loads.ended("gone"), undefined)
    assert.deepEqual(done, [1, 3])
  })
})
