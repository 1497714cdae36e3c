import assert from "node:assert/strict"
import { test } from "node:test"
import { improvement, lowerMedian, percentile, summarise } from "../../src/bench/statistics"

test("a percentile between two samples is interpolated", () => {
  assert.equal(percentile([10, 20, 30, 40], 50), 25)
  assert.equal(percentile([10, 20, 30, 40, 50], 95), 48)
  assert.equal(percentile([7], 99), 7)
  assert.equal(percentile([1, 2], 0), 1)
  assert.equal(percentile([1, 2], 100), 2)
})

test("a summary does not depend on the order of the samples, and leaves them as they were", () => {
  const samples = [30, 10, 20]
  assert.deepEqual(summarise(samples), { n: 3, p50: 20, p95: 29, mean: 20, min: 10 })
  assert.deepEqual(samples, [30, 10, 20])
})

test("nothing measured is null, not zero", () => {
  assert.deepEqual(summarise([]), { n: 0, p50: null, p95: null, mean: null, min: null })
  assert.equal(improvement(null, 10), null)
  assert.equal(improvement(10, null), null)
  assert.equal(lowerMedian([]), null)
})

test("improvement is the part of the baseline that is gone, negative when slower", () => {
  assert.equal(improvement(200, 50), 75)
  assert.equal(improvement(100, 104)?.toFixed(3), "-4.000")
})

test("of an even number of counts the smaller middle one is taken", () => {
  assert.equal(lowerMedian([33, 31]), 31)
  assert.equal(lowerMedian([9, 1, 5]), 5)
})
