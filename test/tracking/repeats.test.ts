/** What a request asks in the message that commits, and what it is given of that. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type Question, Repeats } from "../../src/tracking"
import { Course, type Journey } from "../../src/tracking/course"

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
    ...{ inserts: () => undefined, moves: () => undefined },
    aheadOfCommit: () => [{ sql, lucks: [{ tries: 0, serves: 0 }] }],
  } as unknown as Journey

  it("of what may not be repeated is given as often as it was expected", async () => {
    const twice = {
      ...journey,
      aheadOfCommit: () => [{ sql, lucks: [0, 0].map(() => ({ tries: 0, serves: 0 })) }],
    }
    const payment = { ...question, isRepeatable: false }
    const repeats = new Repeats(undefined, twice as unknown as Journey, () => payment)
    repeats.write("update cart", "cart")
    repeats.commit()
    const committing = repeats.committing(0)!
    repeats.commit()
    committing.answered([responseOf("of the commit")])
    const notes: unknown[] = []
    for (let time = 0; time < 3; time++) {
      const { response } = await repeats.answer(payment, async () => [responseOf("asked")])
      notes.push(response.rows[0]?.note)
    }
    assert.deepEqual(notes, ["of the commit", "of the commit", "asked"])
  })

  /** @param meanwhile done between the commit and its answer */
  async function noteAfterCommit(meanwhile: (repeats: Repeats) => void): Promise<unknown> {
    const repeats = new Repeats(undefined, journey, () => question)
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

describe("what a request begins with", () => {
  const region = {}
  const taxes = {}
  const questionOf = (sql: string): Question => ({
    ...{ sql, key: sql, text: sql, shape: sql.includes("tax") ? taxes : region, tables: ["region"] },
    ...{ proof: undefined, isRepeatable: true, isAlone: false, mayBeAhead: true },
  })
  const line = (n: number) => `cali_${String(n).padStart(26, "0")}`
  const taxesOf = (n: number) => `select * from tax where line_id = '${line(n)}'`

  /** One inserts a line, and another of the same cart asks for what depends on it. @returns the messages of that */
  async function visit(course: Course, n: number): Promise<(readonly string[])[]> {
    const before = new Repeats()
    before.write(`insert into "line" ("id") values ('${line(n)}')`, "line")
    const repeats = new Repeats(before.remembered(), course.begin(""), questionOf)
    const messages: (readonly string[])[] = []
    const send = async (texts: readonly string[]) => {
      messages.push(texts)
      return texts.map(() => ({ rows: [], fields: [] }))
    }
    await repeats.answer(questionOf("select * from region"), send)
    await repeats.answer(questionOf(taxesOf(n)), send)
    repeats.journey?.end()
    return messages
  }

  it("are the ids that one before it inserted", async () => {
    const course = new Course()
    assert.equal((await visit(course, 1)).length, 2)
    assert.deepEqual(await visit(course, 2), [["select * from region", taxesOf(2)]])
  })
})
