/** Since when a lock was free that a request got, with Medusa's own locking module and its locks in memory. */
import assert from "node:assert/strict"
import { beforeEach, describe, it, mock } from "node:test"
import { forgetWhenLocked, type Locking } from "../../src/medusa/locks"
import { moment } from "../../src/tracking"

const { InMemoryLockingProvider } = require("@medusajs/locking/dist/providers/in-memory")
const { default: LockingModule } = require("@medusajs/locking/dist/services/locking-module")
const { LockingDefaultProvider } = require("@medusajs/locking/dist/types")

describe("who gets a lock", () => {
  let locking: Locking
  /** Until when what was read is forgotten, for each lock that was got; undefined: all. */
  let forgotten: (number | undefined)[]

  function open(made: object): Locking {
    const lockingProviderService = { retrieveProviderRegistration: () => made }
    const locking = new LockingModule({ lockingProviderService, [LockingDefaultProvider]: "in-memory" }, {})
    forgetWhenLocked(locking, { forgetRepeats: (until) => void forgotten.push(until) })
    return locking
  }

  beforeEach(() => {
    forgotten = []
    locking = open(new InMemoryLockingProvider())
  })

  /** That what was read before something is forgotten, and what was read after it is not. */
  async function forgetsUntil(something: () => Promise<unknown>, keys: string | string[] = "cart") {
    const before = moment()
    await something()
    const after = moment()
    await locking.acquire(keys)
    const until = forgotten.at(-1)!
    assert.ok(before < until && until < after, `${before} < ${until} < ${after}`)
  }

  it("forgets what was read before the one before him released it", async () => {
    await locking.acquire("cart")
    assert.deepEqual(forgotten, [0])
    await forgetsUntil(() => locking.release!("cart"))
    await locking.release!("cart")
    await forgetsUntil(() => locking.execute("cart", async () => undefined), ["other", "cart"])
    await locking.release!(["other", "cart"])
    await locking.execute("another", async () => undefined)
    assert.equal(forgotten.at(-1), 0)
  })

  it("forgets all when somebody has it", async () => {
    await locking.acquire("cart", { ownerId: "me", expire: 1 } as object)
    await locking.acquire("cart", { ownerId: "me" } as object)
    mock.timers.enable({ apis: ["Date"], now: Date.now() + 2_000 })
    await locking.acquire("cart", { ownerId: "you" } as object)
    mock.timers.reset()
    await assert.rejects(locking.acquire("cart"))
    assert.deepEqual(forgotten, [0, undefined, undefined])
  })

  it("forgets all when he had to wait for it", async () => {
    const order: string[] = []
    const long = locking.execute("cart", async () => {
      await new Promise((resolve) => setImmediate(resolve))
      order.push("first")
    })
    await Promise.all([long, locking.execute("cart", async () => void order.push("second"))])
    assert.deepEqual(
      [order, forgotten],
      [
        ["first", "second"],
        [0, undefined],
      ],
    )
  })

  it("forgets what was read before all were released, or too many to remember", async () => {
    await locking.acquire("cart")
    await forgetsUntil(() => locking.releaseAll!({}))
    const many = Array.from({ length: 10_001 }, (_, n) => `cart ${n}`)
    await forgetsUntil(() => locking.release!([...many, "cart"]), "another")
  })

  it("forgets all where locks are another's", async () => {
    class Redis extends InMemoryLockingProvider {
      static identifier = "locking-redis"
    }
    locking = open(new Redis())
    await locking.acquire("cart")
    const others: Locking = { acquire: async () => undefined, execute: async (_keys, job) => job() }
    forgetWhenLocked(others, { forgetRepeats: (until) => void forgotten.push(until) })
    await others.acquire("cart")
    assert.deepEqual(forgotten, [undefined, undefined])
  })
})
