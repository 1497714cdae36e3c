import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { demandOf, Ledger } from "../../src/engine/ledger"

const move = (ledger: Ledger, tags: string[], floor = 0) =>
  ledger.apply({ epoch: ledger.epoch, seq: ledger.seq + 1, floor, tags })

describe("the ledger", () => {
  it("refuses a value whose tag moved after its fence, and only that", () => {
    const ledger = new Ledger("e")
    const fence = ledger.capture(0)
    move(ledger, ["product:1"])
    assert.equal(ledger.holds(fence, ["product:1"]), false)
    assert.equal(ledger.holds(fence, ["product:2"]), true)
    assert.equal(ledger.holds(ledger.capture(0), ["product:1"]), true)
  })

  it("refuses while an invalidation is under way", () => {
    const ledger = new Ledger("e")
    const done = ledger.begin(["a"])
    const again = ledger.begin(["a"])
    const fence = ledger.capture(0)
    assert.equal(ledger.holds(fence, ["a"]), false)
    done()
    assert.equal(ledger.holds(fence, ["a"]), false)
    again()
    assert.equal(ledger.holds(fence, ["a"]), true)
  })

  it("notices a movement that is missing", () => {
    const ledger = new Ledger("e")
    assert.equal(ledger.apply({ epoch: "e", seq: 3, floor: 0, tags: ["a"] }), false)
    assert.equal(ledger.seq, 1)
    ledger.load({ epoch: "e", seq: 3, floor: 0 }, [["a", 2]], [])
    assert.equal(ledger.seq, 3)
    assert.equal(ledger.holds({ epoch: "e", seq: 1, at: 0 }, ["a"]), false)
  })

  it("takes a movement it already knows for known", () => {
    const ledger = new Ledger("e", 5)
    assert.equal(ledger.apply({ epoch: "e", seq: 4, floor: 0, tags: ["a"] }), true)
    assert.equal(ledger.seq, 5)
  })

  it("compares nothing across epochs", () => {
    const ledger = new Ledger("old", 9)
    const fence = ledger.capture(0)
    assert.equal(ledger.apply({ epoch: "new", seq: 10, floor: 0, tags: [] }), false)
    ledger.load({ epoch: "new", seq: 1, floor: 0 }, [], [])
    assert.equal(ledger.holds(fence, []), false)
    assert.equal(ledger.seq, 1)
  })

  it("gives up what is older than its memory", () => {
    const ledger = new Ledger("e")
    const fence = ledger.capture(0)
    move(ledger, ["a"])
    move(ledger, ["b"], 2)
    assert.equal(ledger.size, 1)
    assert.equal(ledger.holds(fence, ["untouched"]), false)
    assert.equal(ledger.holds(ledger.capture(0), ["untouched"]), true)
  })

  it("knows nothing of what moves on demand from before it was demanded", () => {
    const ledger = new Ledger("e")
    const told: string[] = []
    ledger.onDemand = (demand) => told.push(demand)
    const [cart, order] = [demandOf("Cart"), demandOf("Order")]
    const before = ledger.capture(0)
    assert.equal(ledger.holds(before, [cart]), false)
    move(ledger, [cart])
    const first = ledger.capture(0)
    move(ledger, [cart])
    assert.deepEqual(told, [cart])
    assert.equal(ledger.holds(before, [cart]), false)
    assert.equal(ledger.holds(first, [cart]), true)
    assert.equal(ledger.holds(ledger.capture(0), [order]), false)
    ledger.raiseFloor(3)
    assert.equal(ledger.holds(ledger.capture(0), [cart]), true)
    move(ledger, [demandOf("*")])
    assert.equal(ledger.isDemanded(order), true)
    assert.equal(ledger.holds(ledger.capture(0), [order]), true)
    ledger.load({ epoch: "other", seq: 3, floor: 1 }, [[cart, 3]], [[cart, 2]])
    assert.equal(ledger.isDemanded(order), false)
    assert.equal(ledger.holds({ epoch: "other", seq: 1, at: 0 }, [cart]), false)
    assert.equal(ledger.holds({ epoch: "other", seq: 2, at: 0 }, [cart]), true)
  })
})
