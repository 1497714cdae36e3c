/** MikroORM's own storages, which share one. */
import assert from "node:assert/strict"
import { AsyncLocalStorage, executionAsyncResource } from "node:async_hooks"
import { before, describe, it, mock } from "node:test"
import { RawQueryFragment, TransactionContext, UnitOfWork } from "@medusajs/framework/mikro-orm/core"
import { shareStorages } from "../../src/medusa/shared-storages"
import { Carried } from "../../src/tracking"

const turn = () => new Promise(setImmediate)

const skip = !("_enable" in AsyncLocalStorage.prototype) && "node does not follow by hooks"

describe("storages", { skip }, () => {
  const own = new Carried<string>()
  const transaction = () => TransactionContext.currentTransactionContext()?.em as unknown

  /** Runs something in all of them at once. */
  const inAll = <T>(em: object, act: () => Promise<T>): Promise<T> =>
    own.run("own", () =>
      TransactionContext.create(em as never, () => RawQueryFragment.run(() => inFlush(act))),
    )

  async function inFlush<T>(act: () => Promise<T>): Promise<T> {
    let given!: T
    const doCommit = async () => {
      given = await act()
    }
    await UnitOfWork.prototype.commit.call({ doCommit, ...flush } as never)
    return given
  }
  const flush = { flushQueue: [], postCommitCleanup: () => undefined }

  /** How many values the promise that runs carries. */
  const carriedNow = async () => {
    await turn()
    const names = Object.getOwnPropertySymbols(executionAsyncResource()).map(({ description }) => description)
    return names.filter((name) => name === "kResourceStore").length
  }

  const old = { name: "old" }
  let begin = () => {}
  const underWay = TransactionContext.create(old as never, async () => {
    await new Promise<void>((resolve) => {
      begin = resolve
    })
    return transaction()
  })

  before(async () => {
    mock.timers.enable({ apis: ["setTimeout"] })
    assert.equal(await inAll({}, carriedNow), 4)
    for (let time = 0; time < 2; time++) assert.equal(shareStorages(), true)
  })

  it("are one for each promise, once what was under way has ended", async () => {
    begin()
    assert.equal(await underWay, old)
    mock.timers.tick(60_000)
    mock.timers.reset()
    assert.equal(await inAll({}, carriedNow), 1)
  })

  it("are told apart, and end with what runs in them", async () => {
    const [one, other] = [{ name: "one" }, { name: "other" }]
    const seen = async (em: object) => {
      await turn()
      const inner = await TransactionContext.create({ name: "inner" } as never, async () => transaction())
      return [own.value, transaction() === em, inner]
    }
    const all = await Promise.all([inAll(one, () => seen(one)), inAll(other, () => seen(other))])
    const expected = ["own", true, { name: "inner" }]
    assert.deepEqual(all, [expected, expected])
    assert.deepEqual([own.value, transaction()], [undefined, undefined])
  })

  it("refuse a flush within a flush, and wait for one beside it", async () => {
    const working = { ...flush, working: true, flushQueue: [] as unknown[] }
    const commit = () => UnitOfWork.prototype.commit.call(working as never)
    await assert.rejects(inFlush(commit), /inside/)
    void commit()
    assert.equal(working.flushQueue.length, 1)
  })

  it("keep a fragment of SQL until what uses it has ended", async () => {
    const key = String(new RawQueryFragment("now()"))
    await RawQueryFragment.run(async () => {
      await turn()
      for (let time = 0; time < 2; time++) assert.ok(RawQueryFragment.getKnownFragment(key))
    })
    assert.equal(RawQueryFragment.getKnownFragment(key), undefined)
  })
})
