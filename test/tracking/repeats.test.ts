/** What a request asks in the message that commits, and what it is given of that. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type Question, Repeats } from "../../src/tracking"
import type { Journey } from "../../src/tracking/course"

describe("what is asked with a commit", () => {
  const sql = "select note from cart"
  const question: Question = {
    ...{ sql, key: sql, text: sql, shape: {}, tables: ["cart"], proof: undefined },
    ...{ isRepeatable: true, isAlone: false, mayBeAhead: true },
  }
  const responseOf = (note: string) => ({ rows: [{ note }], fields: [] })
  /** On a course on which that is asked after every commit. */
  const journey = {
    ...{ begin: () => false, asks: () => undefined, answers: () => undefined, ahead: () => [] },
    ...{ writes: () => undefined, moves: () => undefined },
    aheadOfCommit: () => [{ sql, luck: { tries: 0, serves: 0 } }],
  } as unknown as Journey

  /** @param meanwhile done between the commit and its answer */
  async function noteAfterCommit(meanwhile: (repeats: Repeats) => void): Promise<unknown> {
    const repeats = new Repeats(new Map(), journey, () => question)
    repeats.write("update cart", "cart")
    repeats.commit()
    const committing = repeats.committing(0)
    assert.deepEqual(committing?.texts, [sql])
    meanwhile(repeats)
    repeats.commit()
    committing.answered([responseOf("of the commit")])
    const { response } = await repeats.answer(question, async () => [responseOf("asked")])
    return response.rows[0]?.note
  }

  it("is given when nothing else was written meanwhile", async () => {
    assert.equal(await noteAfterCommit(() => undefined), "of the commit")
    assert.equal(await noteAfterCommit((repeats) => repeats.write("update cart", "cart")), "asked")
    assert.equal(await noteAfterCommit((repeats) => repeats.commit()), "asked", "another is committed")
    assert.equal(await noteAfterCommit((repeats) => repeats.forget()), "asked", "a lock was waited for")
  })
})
