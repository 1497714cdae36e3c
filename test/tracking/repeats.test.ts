/** What a request asks in the message that commits, and what it is given of that. */
import assert from "node:assert/strict"
import { afterEach, beforeEach, describe, it, mock } from "node:test"
import { moment, type Question, Repeats, type Response } from "../../src/tracking"
import { Course, type Journey } from "../../src/tracking/course"

// What was asked stands for some milliseconds: here they pass only when a test says so.
beforeEach(() => mock.timers.enable({ apis: ["Date"], now: 1_800_000_000_000 }))
afterEach(() => mock.timers.reset())

describe("what is asked with a commit", () => {
  const sql = "select note from cart"
  const question: Question = {
    ...{ sql, key: sql, text: sql, shape: {}, tables: ["cart"], needs: [], isVain: false, proof: undefined },
    ...{ isRepeatable: true, isOfPromotions: false, isAlone: false, mayBeAhead: true },
  }
  const responseOf = (note: string) => ({ rows: [{ note }], fields: [] })
  /** On a course on which that is asked after every commit. */
  const journey = {
    ...{ begin: () => false, asks: () => undefined, answers: () => undefined, ahead: () => [] },
    ...{ inserts: () => undefined, moves: () => undefined },
    aheadOfCommit: () => [{ sql, lucks: [{ tries: 0, serves: 0 }] }],
  } as unknown as Journey

  /** Connections. */
  const [here, there] = [{}, {}]

  it("of what may not be repeated is given as often as it was expected", async () => {
    const twice = {
      ...journey,
      aheadOfCommit: () => [{ sql, lucks: [0, 0].map(() => ({ tries: 0, serves: 0 })) }],
    }
    const payment = { ...question, isRepeatable: false }
    const repeats = new Repeats(undefined, twice as unknown as Journey, () => payment)
    repeats.write("update cart", "cart", here)
    repeats.commit(here)
    const committing = repeats.committing(0, here)!
    committing.answered([responseOf("of the commit")])
    repeats.commit(here)
    const notes: unknown[] = []
    for (let time = 0; time < 3; time++) {
      const { response } = await repeats.answer(payment, async () => [responseOf("asked")])
      notes.push(response.rows[0]?.note)
    }
    assert.deepEqual(notes, ["of the commit", "of the commit", "asked"])
  })

  it("is asked along with something later when it had waited too long, if not from the beginning", async () => {
    for (const [serves, tries] of [
      [10, 15],
      [0, 11],
    ] as const) {
      const luck = { tries: 10, serves }
      const early = { ...journey, aheadOfCommit: () => [{ sql, lucks: [luck] }] }
      const payment = { ...question, isRepeatable: false }
      const repeats = new Repeats(undefined, early as unknown as Journey, () => payment)
      repeats.write("update address", "address", here)
      repeats.commit(here)
      repeats.committing(0, here)!.answered([responseOf("of the commit")])
      mock.timers.tick(60)
      const { response } = await repeats.answer(payment, async () => [responseOf("asked")])
      assert.deepEqual([response.rows[0]?.note, luck], ["asked", { tries, serves }])
    }
  })

  /**
   * @param meanwhile done between the commit and its answer
   * @param before in a transaction of another connection
   */
  async function noteAfterCommit(
    meanwhile: (repeats: Repeats) => void,
    before = "address",
  ): Promise<unknown> {
    const repeats = new Repeats(undefined, journey, () => question)
    repeats.moves.begin(there)
    repeats.write(`update ${before}`, before, there)
    repeats.moves.begin(here)
    repeats.write("update cart", "cart", here)
    repeats.commit(here)
    const committing = repeats.committing(0, here)
    assert.deepEqual(committing?.texts, [sql])
    meanwhile(repeats)
    committing.answered([responseOf("of the commit")])
    repeats.commit(here)
    const { response } = await repeats.answer(question, async () => [responseOf("asked")])
    return response.rows[0]?.note
  }

  it("is given when nothing else was written meanwhile", async () => {
    assert.equal(await noteAfterCommit(() => undefined), "of the commit")
    assert.equal(await noteAfterCommit((repeats) => repeats.write("update cart", "cart", there)), "asked")
    assert.equal(await noteAfterCommit((repeats) => repeats.forget()), "asked", "a lock was waited for")
  })

  it("is not asked with the commit of what has written nothing, for nothing moves by it", () => {
    const repeats = new Repeats(undefined, journey, () => question)
    repeats.moves.begin(here)
    repeats.commit(here)
    assert.equal(repeats.committing(0, here), undefined)
  })

  it("is given when something else is committed meanwhile", async () => {
    const commit = (repeats: Repeats) => repeats.commit(there)
    assert.equal(await noteAfterCommit(commit), "of the commit")
    assert.equal(await noteAfterCommit(commit, "cart"), "asked")
  })
})

describe("what is asked along", () => {
  const sqlOf = (columns: string) => `select ${columns} from "cart" as "c"`
  const [id, all, note] = [sqlOf('"c"."id"'), sqlOf('"c".*'), sqlOf('"c"."note"')]
  const shapes = new Map([id, all, note, "select 1"].map((sql) => [sql, {}]))

  for (const isRepeatable of [true, false]) {
    const questionOf = (sql: string): Question => ({
      ...{
        sql,
        key: sql,
        text: sql,
        shape: shapes.get(sql)!,
        tables: ["cart"],
        needs: [],
        isVain: false,
        proof: undefined,
      },
      ...{ isRepeatable, isOfPromotions: false, isAlone: false, mayBeAhead: true },
    })

    it(`shows fewer columns to who asks for them${isRepeatable ? "" : ", as often as expected"}`, async () => {
      const lucks = [id, all, note].map(() => ({ tries: 0, serves: 0 }))
      const expected = [id, all, note].map((sql, i) => ({ sql, lucks: [lucks[i]!] }))
      const none = () => undefined
      const journey = {
        ...{ begin: () => false, asks: none, answers: none, recalls: none },
        ahead: (isKnown: (sql: string) => boolean) => expected.filter(({ sql }) => !isKnown(sql)),
      } as unknown as Journey
      const repeats = new Repeats(undefined, journey, questionOf)
      const messages: (readonly string[])[] = []
      const send = async (texts: readonly string[]) => {
        messages.push(texts)
        const fields = [{ name: "id" }, { name: "note" }]
        return texts.map(() => ({ rows: [{ id: "a", note: "A" }], fields }))
      }
      const rowsOf = async (sql: string) => (await repeats.answer(questionOf(sql), send)).response.rows
      await rowsOf("select 1")
      assert.deepEqual(await rowsOf(id), [{ id: "a" }])
      assert.deepEqual(await rowsOf(note), [{ note: "A" }])
      assert.deepEqual(await rowsOf(all), [{ id: "a", note: "A" }])
      assert.deepEqual(messages, [["select 1", all]])
      for (const luck of lucks) assert.deepEqual(luck, { tries: 1, serves: 1 })
      await rowsOf(note)
      assert.equal(messages.length, isRepeatable ? 1 : 2)
    })
  }
})

describe("what shows rows with what they refer to", () => {
  const where = `where "c"."id" = 'a'`
  const fewer = `select "c"."note" from "cart" as "c" ${where}`
  const more = `select "c".*, "s"."id" as "s__id" from "cart" as "c" left join "place" as "s" on "c"."place_id" = "s"."id" ${where}`
  const questionOf = (sql: string): Question => ({
    ...{ sql, key: sql, text: sql, shape: {}, tables: ["cart", "place"], needs: [], isVain: false },
    ...{ proof: undefined, isRepeatable: true, isOfPromotions: false, isAlone: false, mayBeAhead: true },
  })

  /** @returns what is asked after all columns gave so many rows */
  async function askedAfter(count: number) {
    const repeats = new Repeats()
    const asked: string[] = []
    const send = async (texts: readonly string[]) => {
      asked.push(...texts)
      const fields = ["id", "note", "s__id"].map((name) => ({ name }))
      return [{ rows: Array.from({ length: count }, (_, s) => ({ id: "a", note: "A", s__id: s })), fields }]
    }
    await repeats.answer(questionOf(more), send)
    const { response } = await repeats.answer(questionOf(fewer), send)
    if (asked.length === 1) assert.deepEqual(response.rows, [{ note: "A" }])
    return asked.slice(1)
  }

  it("shows them without that, unless it gave one twice", async () => {
    assert.deepEqual(await askedAfter(1), [])
    assert.deepEqual(await askedAfter(2), [fewer])
  })
})

describe("what is expected to be asked of an id that was just made up", () => {
  const sql = "select id from line where cart_id = 'new'"
  const questionOf = (...values: string[]): Question => ({
    ...{
      sql,
      key: sql,
      text: sql,
      shape,
      tables: ["line"],
      needs: [{ table: "line", values }],
      isVain: false,
    },
    ...{ proof: undefined, isRepeatable: true, isOfPromotions: false, isAlone: false, mayBeAhead: true },
  })
  const shape = {}
  const luck = { tries: 0, serves: 0 }
  const none = () => undefined
  const journey = {
    ...{ begin: () => false, asks: none, answers: none, inserts: none, moves: none, ahead: () => [] },
    aheadOfCommit: (isKnown: (sql: string) => boolean) => (isKnown(sql) ? [] : [{ sql, lucks: [luck] }]),
  } as unknown as Journey
  const response = { rows: [{ id: "a" }], rowCount: 1, fields: [{ name: "id" }] }
  const here = {}

  /** @returns what goes with the commit, and what is asked after it */
  async function commit(question: Question, before: (repeats: Repeats) => void) {
    await new Repeats().answer(questionOf(), async () => [structuredClone(response)])
    const repeats = new Repeats(undefined, journey, () => question)
    before(repeats)
    const along = repeats.committing(0, here)?.texts ?? []
    const asked: string[] = []
    const given = await repeats.answer(question, async (texts) => {
      asked.push(...texts)
      return [structuredClone(response)]
    })
    return { along, asked, given }
  }
  const make = (repeats: Repeats) => {
    repeats.moves.made("new")
    repeats.write("insert into cart", "cart", here)
    repeats.commit(here)
  }

  const makeAnd = (then: (repeats: Repeats) => void) => (repeats: Repeats) => {
    make(repeats)
    then(repeats)
  }

  it("is not asked: there is nothing", async () => {
    const { along, asked, given } = await commit(questionOf("new"), make)
    assert.deepEqual([along, asked], [[], []])
    assert.deepEqual(given, { response: { ...response, rows: [], rowCount: 0 }, versions: undefined })
    assert.deepEqual(luck, { tries: 1, serves: 1 })
  })

  it("is not asked along with another either", async () => {
    await commit(questionOf(), () => undefined)
    const along = { ...journey, ahead: journey.aheadOfCommit } as unknown as Journey
    const repeats = new Repeats(undefined, along, () => questionOf("new"))
    repeats.moves.made("new")
    const asked: (readonly string[])[] = []
    const send = async (texts: readonly string[]) => {
      asked.push(texts)
      return texts.map(() => structuredClone(response))
    }
    const other = { ...questionOf(), sql: "select 1", key: "select 1", text: "select 1", shape: {} }
    await repeats.answer(other, send)
    assert.deepEqual((await repeats.answer(questionOf("new"), send)).response.rows, [])
    assert.deepEqual(asked, [["select 1"]])
  })

  it("has the versions of nothing", async () => {
    const { given } = await commit({ ...questionOf("new"), proof: "select v from line" }, make)
    assert.equal(given.versions, "")
  })

  it("is asked when something may refer to it, or to another", async () => {
    const others: [string, Question, (repeats: Repeats) => void][] = [
      ["another", questionOf("new", "old"), make],
      ["none", questionOf(), make],
      ["not narrowed", { ...questionOf(), needs: [], isVain: false }, make],
      ["written to", questionOf("new"), makeAnd((one) => one.write("insert into line", "line", here))],
      ["perhaps written to", questionOf("new"), makeAnd((one) => one.write("select f()", undefined, here))],
      ["a lock", questionOf("new"), makeAnd((one) => one.forget())],
      ["known to others", questionOf("new"), makeAnd((one) => one.committing(0, {}))],
    ]
    for (const [name, question, before] of others) {
      const { along } = await commit(question, before)
      assert.deepEqual(along, [sql], name)
    }
  })
})

describe("what was asked along with what was refused", () => {
  const questionOf = (sql: string): Question => ({
    ...{ sql, key: sql, text: sql, shape: {}, tables: [sql], needs: [], isVain: false, proof: undefined },
    ...{ isRepeatable: true, isOfPromotions: false, isAlone: false, mayBeAhead: true },
  })
  const journey = {
    ...{ begin: () => false, asks: () => undefined, answers: () => undefined },
    ahead: () => [{ sql: "other", lucks: [] }],
  } as unknown as Journey
  const answer = (code: string) =>
    new Repeats(undefined, journey, questionOf).answer(questionOf("asked"), async (texts) => {
      if (texts.includes("other")) throw Object.assign(new Error(code), { code })
      return [{ rows: [{ by: texts.join() }], fields: [] }]
    })

  it("is asked again alone, also when the other took too long", async () => {
    for (const code of ["22P02", "57014"])
      assert.deepEqual((await answer(code)).response.rows, [{ by: "asked" }], code)
  })

  it("is refused where nobody answers any more", async () => {
    for (const code of ["57P01", "08006", "ECONNRESET"]) await assert.rejects(answer(code), { code })
  })
})

describe("what was read before a transaction ends or a lock is got", () => {
  const ask = async (repeats: Repeats, table: string) => {
    let asked = 0
    const question: Question = {
      ...{
        sql: table,
        key: table,
        text: table,
        shape: {},
        tables: [table],
        needs: [],
        isVain: false,
        proof: undefined,
      },
      ...{ isRepeatable: true, isOfPromotions: false, isAlone: false, mayBeAhead: true },
    }
    await repeats.answer(question, async () => {
      asked++
      return [{ rows: [], fields: [] }]
    })
    return asked
  }

  it("stands when a lock was free since before the request began", async () => {
    const before = moment()
    const repeats = new Repeats()
    assert.equal(await ask(repeats, "cart"), 1)
    repeats.forget(before)
    assert.equal(await ask(repeats, "cart"), 0)
    repeats.forget(moment())
    assert.equal(await ask(repeats, "cart"), 1)
    repeats.forget()
    assert.equal(await ask(repeats, "cart"), 1)
  })

  it("stands for a second: who looks again and again waits for what others do", async () => {
    const repeats = new Repeats()
    assert.equal(await ask(repeats, "cart"), 1)
    mock.timers.tick(1_000)
    assert.equal(await ask(repeats, "cart"), 0)
    mock.timers.tick(1)
    assert.equal(await ask(repeats, "cart"), 1)
  })

  it("stands when it is of tables that were not written to in it", async () => {
    const repeats = new Repeats()
    const [one, other] = [{}, {}]
    for (const [on, table] of [
      [one, "cart"],
      [other, "address"],
    ] as const) {
      repeats.moves.begin(on)
      repeats.write(`update ${table}`, table, on)
      repeats.write(`update ${table}`, table, on)
    }
    const asked = async () => [await ask(repeats, "cart"), await ask(repeats, "address")]
    assert.deepEqual(await asked(), [1, 1])
    repeats.commit(one)
    assert.deepEqual(await asked(), [1, 0])
    repeats.commit(other)
    assert.deepEqual(await asked(), [0, 1])
    repeats.moves.begin(one)
    repeats.commit(one)
    assert.deepEqual(await asked(), [0, 0], "nothing was written in the next")
    repeats.write("select change()", undefined, one)
    await asked()
    repeats.commit(one)
    assert.deepEqual(await asked(), [1, 1], "nobody knows what was")
  })
})

describe("what a request begins with", () => {
  const region = {}
  const taxes = {}
  const questionOf = (sql: string): Question => ({
    ...{ sql, key: sql, text: sql, shape: sql.includes("tax") ? taxes : region, tables: ["region"] },
    ...{
      needs: [],
      isVain: false,
      proof: undefined,
      isRepeatable: true,
      isOfPromotions: false,
      isAlone: false,
      mayBeAhead: true,
    },
  })
  const line = (n: number) => `cali_${String(n).padStart(26, "0")}`
  const taxesOf = (n: number) => `select * from tax where line_id = '${line(n)}'`

  /** One inserts a line, and another of the same cart asks for what depends on it. @returns the messages of that */
  async function visit(course: Course, n: number): Promise<(readonly string[])[]> {
    const before = new Repeats()
    before.write(`insert into "line" ("id") values ('${line(n)}')`, "line", {})
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

describe("what the requests before asked", () => {
  const region: Question = {
    ...{ sql: "select * from region", key: "select * from region", text: "select *, versions from region" },
    ...{ shape: {}, tables: ["region"], needs: [], isVain: false, proof: "select versions from region" },
    ...{ isRepeatable: true, isOfPromotions: false, isAlone: false, mayBeAhead: true },
  }
  const course = new Course()
  const response = { rows: [{ name: "EU", "pegasus versions": "1" }], fields: [{ name: "pegasus versions" }] }

  /**
   * One writes something, and then asks what the one before it asked.
   * @param versions of the rows, as the commit brings them
   * @param meanwhile done between the commit and its answer
   * @returns what went with the commit, and what was asked
   */
  async function visit(before: Repeats, versions: string, meanwhile = (_repeats: Repeats) => {}) {
    const repeats = new Repeats(before.remembered(), course.begin(""), () => region)
    const here = {}
    repeats.write("insert into flow", "flow", here)
    repeats.commit(here)
    const committing = repeats.committing(0, here)
    meanwhile(repeats)
    committing?.answered([{ rows: [{ versions: [versions] }], fields: [] }])
    repeats.commit(here)
    const asked: string[] = []
    await repeats.answer(region, async (texts) => {
      asked.push(...texts)
      return texts.map((text) =>
        text === region.text ? structuredClone(response) : { rows: [{ versions: [versions] }], fields: [] },
      )
    })
    repeats.journey?.end()
    return { repeats, along: committing?.texts.length ?? 0, asked: asked.length }
  }

  it("is proven in the message that commits", async () => {
    const first = await visit(new Repeats(), "1")
    assert.deepEqual([first.along, first.asked], [0, 1])
    const second = await visit(first.repeats, "1")
    assert.deepEqual([second.along, second.asked], [1, 0])
    const changed = await visit(second.repeats, "2")
    assert.deepEqual([changed.along, changed.asked], [1, 1])
    const moved = await visit(second.repeats, "1", (repeats) => repeats.write("update region", "region", {}))
    assert.deepEqual([moved.along, moved.asked], [1, 1])
    const locked = await visit(second.repeats, "1", (repeats) => repeats.forget())
    assert.deepEqual([locked.along, locked.asked], [1, 1], "it is proven again")
  })

  it("is not remembered when it is too long to be proven", async () => {
    const rows = Array.from({ length: 201 }, (_, id) => ({ id, "pegasus versions": "1" }))
    const repeats = new Repeats()
    await repeats.answer(region, async () => [{ rows, fields: [{ name: "pegasus versions" }] }])
    assert.equal(repeats.remembered().asked.size, 0)
  })

  it("is not asked along while it is being proven", async () => {
    const { repeats: before } = await visit((await visit(new Repeats(), "1")).repeats, "1")
    const repeats = new Repeats(before.remembered(), course.begin(""), () => region)
    let prove: (responses: Response[]) => void = () => undefined
    const sent = new Promise<Response[]>((resolve) => {
      prove = resolve
    })
    repeats.askAtOnce(() => sent, 0)
    const here = {}
    repeats.write("insert into flow", "flow", here)
    repeats.commit(here)
    assert.equal(repeats.committing(0, here), undefined)
    prove([{ rows: [{ versions: ["1"] }], fields: [] }])
    const { response: given } = await repeats.answer(region, async () => assert.fail("it is proven"))
    assert.deepEqual(given.rows, [{ name: "EU" }])
  })
})

describe("what the requests before asked of the same rows with more columns", () => {
  const [id, all] = [`select "c"."id" from "cart" as "c"`, `select "c".* from "cart" as "c"`]
  const shapes = new Map([id, all].map((sql) => [sql, {}]))
  const questionOf = (sql: string): Question => ({
    ...{ sql, key: sql, text: sql, shape: shapes.get(sql)!, tables: ["cart"], needs: [], isVain: false },
    ...{
      proof: "select v from cart",
      isRepeatable: true,
      isOfPromotions: false,
      isAlone: false,
      mayBeAhead: true,
    },
  })
  const rows = (versions: string) => [{ id: "a", note: "A", "pegasus versions": versions }]
  const fields = ["id", "note", "pegasus versions"].map((name) => ({ name }))
  const none = () => undefined
  /** On a course on which fewer columns are expected. */
  const journey = {
    ...{ isKnown: true, begin: () => false, asks: none, answers: none, upcoming: new Set() },
    ...{ takeProofs: () => [{ tries: 0, serves: 0 }] },
    ahead: (isKnown: (sql: string) => boolean) => (isKnown(id) ? [] : [{ sql: id, lucks: [] }]),
  } as unknown as Journey

  /**
   * @param versions that they have now
   * @param since when who asks began to read
   * @returns what was asked at once, when it began at 5, and after it
   */
  async function visit(versions: string, { since = 0, isSlow = false } = {}) {
    const before = new Repeats()
    await before.answer(questionOf(all), async () => [{ rows: rows("1"), fields }])
    const repeats = new Repeats(before.remembered(), journey, questionOf)
    const [atOnce, asked]: string[][] = [[], []]
    let prove = none as (responses: Response[]) => void
    const proven = new Promise<Response[]>((resolve) => {
      prove = resolve
    })
    repeats.askAtOnce((texts) => {
      atOnce!.push(...texts)
      return proven
    }, 5)
    const answerAll = () => prove([{ rows: [{ versions: [versions] }], fields: [] }])
    if (!isSlow) answerAll()
    await new Promise(setImmediate)
    const send = async (texts: readonly string[]) => {
      asked!.push(...texts)
      return [{ rows: [{ id: "a", "pegasus versions": versions }], fields }]
    }
    const answer = repeats.answer(questionOf(id), send, { turn: 6, since })
    if (isSlow) answerAll()
    assert.deepEqual((await answer).response.rows, [{ id: "a" }])
    return { atOnce: atOnce!.map((text) => text.startsWith("select array")), asked }
  }

  it("is proven instead of asking for fewer", async () => {
    assert.deepEqual(await visit("1"), { atOnce: [true], asked: [] })
    assert.deepEqual(await visit("1", { isSlow: true }), { atOnce: [true], asked: [] })
    assert.deepEqual(await visit("2"), { atOnce: [true], asked: [id] })
  })

  it("is given to what is read to be kept, if its reading began before", async () => {
    assert.deepEqual(await visit("1", { since: 5 }), { atOnce: [true], asked: [] })
    assert.deepEqual(await visit("1", { since: 6 }), { atOnce: [true], asked: [id] })
  })
})

describe("what can give nothing", () => {
  const shape = {}
  const questionOf = (more: Partial<Question>): Question => ({
    ...{
      sql: "select",
      key: "select",
      text: "select",
      shape,
      tables: ["promotion"],
      needs: [],
      proof: undefined,
    },
    ...{
      isVain: false,
      isRepeatable: false,
      isOfPromotions: false,
      isAlone: false,
      mayBeAhead: true,
      ...more,
    },
  })

  it("is not asked, once it is known how such an answer looks", async () => {
    const repeats = new Repeats()
    let sent = 0
    const send = async (texts: readonly string[]): Promise<Response[]> => {
      sent++
      return texts.map(() => ({ rows: [{ id: "a" }], fields: [{ name: "id" }] }))
    }
    const vain = questionOf({ isVain: true })
    assert.equal((await repeats.answer(vain, send)).response.rows.length, 1, "nobody was answered yet")
    const { response } = await repeats.answer(vain, send)
    assert.deepEqual([response.rows, response.fields, sent], [[], [{ name: "id" }], 1])
    assert.equal((await repeats.answer(questionOf({}), send)).response.rows.length, 1)
    assert.equal(sent, 2, "others are asked")
  })
})
