/** What every bus must do. See engine/bus/bus.ts. */
import assert from "node:assert/strict"
import { afterEach, describe, it } from "node:test"
import { type Bus, demandOf } from "../engine"
import { eventually } from "./eventually"

export interface BusContract {
  /** A new bus. Those of one test are of one store, those of different tests are not. */
  make(store: string): Promise<Bus>
  /** Whether they hear each other. */
  isShared: boolean
  /** The longest to wait for news from another process, in milliseconds. Default 2,000. */
  patience?: number
}

const demand = demandOf("Order")
let stores = 0

export function busContract(name: string, { make, isShared, patience = 2_000 }: BusContract): void {
  const open: Bus[] = []
  let store = ""
  const busOf = async () => {
    const bus = await make(store)
    open.push(bus)
    await eventually(patience, () => bus.trusted(Date.now()))
    return bus
  }
  const capture = (bus: Bus) => bus.ledger.capture(Date.now())

  describe(`the contract of a bus: ${name}`, () => {
    afterEach(async () => {
      for (const bus of open.splice(0)) await bus.close()
      store = `store${++stores}`
    })

    it("gives each movement a higher number", async () => {
      const bus = await busOf()
      const numbers = []
      for (let count = 0; count < 5; count++) numbers.push(await bus.move([`t${count}`]))
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].sort((a, b) => a - b),
      )
    })

    it("has applied its own movement when it returns, and nothing else", async () => {
      const bus = await busOf()
      const before = capture(bus)
      await bus.move(["moved", "ü:☕", "*"])
      for (const tag of ["moved", "ü:☕", "*"]) assert.equal(bus.ledger.holds(before, [tag]), false)
      assert.equal(bus.ledger.holds(before, ["other"]), true)
      await eventually(patience, () => bus.ledger.holds(capture(bus), ["moved"]))
    })

    it("knows what moves on demand from when it was demanded", async () => {
      const bus = await busOf()
      const before = capture(bus)
      await bus.move([demand])
      await eventually(patience, () => bus.ledger.holds(capture(bus), [demand]))
      assert.equal(bus.ledger.holds(before, [demand]), false)
    })

    it("is not trusted once it is closed", async () => {
      if (!isShared) return
      const bus = await busOf()
      await bus.close()
      assert.equal(bus.trusted(Date.now()), false)
    })

    if (!isShared) return

    it("carries every movement to every other process", async () => {
      const [a, b] = [await busOf(), await busOf()]
      const before = capture(b)
      for (let count = 0; count < 50; count++) await a.move([`t${count}`])
      await eventually(patience, () => !b.ledger.holds(before, ["t49"]))
      for (let count = 0; count < 50; count++) assert.equal(b.ledger.holds(before, [`t${count}`]), false)
      // Each hears of a movement by itself, the one that made it, too.
      await eventually(patience, () => b.ledger.seq === a.ledger.seq)
      assert.equal(b.ledger.holds(before, ["other"]), true)
    })

    it("tells a process that joins later what has moved", async () => {
      const a = await busOf()
      const before = capture(a)
      await a.move(["t"])
      const late = await busOf()
      assert.equal(late.ledger.holds(before, ["t"]), false)
      assert.equal(late.ledger.holds(before, ["other"]), true)
    })

    it("tells for good that what moves on demand is demanded", async () => {
      const [a, b] = [await busOf(), await busOf()]
      assert.equal(b.ledger.isDemanded(demand), false)
      await a.move([demand])
      await eventually(patience, () => b.ledger.isDemanded(demand))
      for (let round = 0; round < 5; round++) {
        await b.move(Array.from({ length: 500 }, (_, index) => `t${round}-${index}`))
      }
      const late = await busOf()
      assert.equal(late.ledger.isDemanded(demand), true)
      await b.move([`${demand}:other`])
      const again = await b.move([demand])
      for (const bus of [a, b, late]) {
        await eventually(patience, () => bus.ledger.seq === again)
        assert.equal(bus.ledger.holds(capture(bus), [demand]), true)
      }
    })

    it("numbers what several move at once in one order", async () => {
      const buses = [await busOf(), await busOf(), await busOf()]
      const numbers = await Promise.all(
        buses.flatMap((bus) => Array.from({ length: 20 }, (_, index) => bus.move([`t${index}`]))),
      )
      assert.equal(new Set(numbers).size, numbers.length)
      const last = Math.max(...numbers)
      for (const bus of buses) await eventually(patience, () => bus.ledger.seq === last)
    })

    it("keeps stores apart", async () => {
      const a = await busOf()
      store = `${store}-other`
      const stranger = await busOf()
      const before = capture(stranger)
      await a.move(["t"])
      await stranger.move(["own"])
      assert.equal(stranger.ledger.holds(before, ["t"]), true)
    })
  })
}
