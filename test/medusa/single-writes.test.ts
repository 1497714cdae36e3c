/** Which writes are all that their transaction does. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { isAllOfTransaction, makeAtOnce } from "../../src/medusa/single-writes"

describe("the insert of a link", () => {
  const sql = `insert into "cart_promotion" ("cart_id") values ('a') returning "created_at"`
  const service = {
    create: async (..._given: unknown[]) => ["select 1", sql, sql].map((one) => isAllOfTransaction(one)),
  }
  makeAtOnce(service)
  const links = (count: number) => Array.from({ length: count }, () => ["a", "b"])

  it("is all of its transaction, and what follows it is not", async () => {
    assert.deepEqual(await service.create(links(100), undefined, undefined, {}), [false, true, false])
    assert.deepEqual(await service.create("a", "b"), [false, true, false])
    assert.equal(isAllOfTransaction(sql), false)
  })

  it("is not when there are more than fit in one, or the transaction is another's", async () => {
    const never = [false, false, false]
    assert.deepEqual(await service.create(links(101), undefined, undefined, {}), never)
    for (const name of ["manager", "transactionManager"]) {
      assert.deepEqual(await service.create(links(1), undefined, undefined, { [name]: {} }), never)
    }
  })
})
