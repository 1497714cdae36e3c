/** What a request is expected to ask, told by what those of its kind asked before. */
import assert from "node:assert/strict"
import { beforeEach, describe, it } from "node:test"
import { Course } from "../../src/tracking"
import { type Journey, trying } from "../../src/tracking/course"

const cart = (n: number) => `cart_${String(n).padStart(26, "0")}`
const line = (n: number) => `cali_${String(n).padStart(26, "0")}`

describe("the course of requests of a kind", () => {
  let course: Course
  const shapes = new Map<string, object>()
  const shapeOf = (sql: string) => {
    const name = sql.replaceAll(/'[^']*'(?:, '[^']*')*/g, "?")
    if (!shapes.has(name)) shapes.set(name, { name })
    return shapes.get(name)!
  }
  const nothingIsKnown = () => false

  /** Asks, and is answered with rows. */
  function ask(journey: Journey, sql: string, rows: Record<string, unknown>[] = [], mayBeAhead = true): void {
    const [, table] = /from (\w+)/.exec(sql)!
    journey.asks({ sql, shape: shapeOf(sql), tables: [table!], mayBeAhead })
    journey.answers(shapeOf(sql), rows)
  }
  const aheadOf = (journey: Journey) => journey.ahead(nothingIsKnown).map(({ sql }) => sql)

  /** In their order, as every statement that is asked names them. */
  const literals = (ids: string[]) =>
    ids
      .map((id) => `'${id}'`)
      .sort()
      .join(", ")

  beforeEach(() => {
    course = new Course()
  })

  /** A cart, its lines, and what is made of them. @param before lines that a request before was given */
  function visit(n: number, lines: string[], before: string[] = []): string[][] {
    const journey = course.begin(`/store/carts/${cart(n)}`)
    const seen = "select id from line order by id"
    if (journey.begin())
      journey.answers(
        shapeOf(seen),
        before.map((id) => ({ id })),
      )
    const ahead: string[][] = []
    ask(journey, `select id from cart where id = '${cart(n)}'`)
    ahead.push(aheadOf(journey))
    const rows = lines.map((id) => ({ id, title: "alike" }))
    ask(journey, `select * from line where cart_id = '${cart(n)}'`, rows)
    ahead.push(aheadOf(journey))
    ask(journey, `select * from tax where line_id in (${literals(lines)})`)
    ahead.push(aheadOf(journey))
    journey.end()
    return ahead
  }

  it("leads on from what is given later", () => {
    const [first, later] = [1, 2].map((n) => `select id from thing where cart_id = '${cart(n)}'`)
    const journeyTo = (given: string) => {
      const journey = course.begin(given)
      journey.begin()
      return journey
    }
    const [path, body] = [`/store/carts/${cart(1)}`, `{"other":"${cart(2)}"}`]
    const watched = journeyTo(`${path} ${body}`)
    ask(watched, first!)
    ask(watched, later!)
    watched.end()
    const journey = journeyTo(path)
    assert.deepEqual(aheadOf(journey), [first])
    assert.equal(journey.hear(`${path} {}`), false)
    assert.equal(journey.hear(`${path} ${body}`), true)
    assert.deepEqual(aheadOf(journey), [first, later])
  })

  it("leads from what is given to what was read, and on", () => {
    assert.deepEqual(visit(1, [line(1), line(2)]), [[], [], []])
    assert.deepEqual(visit(2, [line(3)]), [
      [`select * from line where cart_id = '${cart(2)}'`],
      [`select * from tax where line_id in ('${line(3)}')`],
      [],
    ])
    assert.deepEqual(visit(3, [line(4), line(5), line(6)])[1], [
      `select * from tax where line_id in ('${line(4)}', '${line(5)}', '${line(6)}')`,
    ])
  })

  it("leads to lists in an order of their own", () => {
    visit(1, [line(2), line(1)])
    assert.deepEqual(visit(2, [line(4), line(3)])[1], [
      `select * from tax where line_id in ('${line(3)}', '${line(4)}')`,
    ])
  })

  it("goes on with what was seen where it is not known where it comes from this time, unless that is an id", () => {
    const visit = (n: number, given: string, rows?: object[]) => {
      const journey = course.begin(given)
      ask(journey, `select * from cart where id = '${cart(n)}'`)
      if (rows) ask(journey, "select * from region", rows as Record<string, unknown>[])
      const ahead = aheadOf(journey)
      ask(journey, "select * from price where currency = 'eur'")
      ask(journey, `select * from tax where line_id = '${line(1)}'`)
      journey.end()
      return ahead
    }
    visit(1, cart(1), [{ currency: "eur", line: line(1) }])
    assert.deepEqual(visit(2, cart(2)).slice(1), ["select * from price where currency = 'eur'"])
  })

  it("leads from what requests before were given, until what this one is given is known", () => {
    const taxes = (n: number) => `select * from tax where line_id in ('${line(n)}')`
    visit(1, [line(1)], [line(1)])
    assert.equal(visit(2, [line(2)], [line(2)])[0]![1], taxes(2))
    const outdated = visit(3, [line(4)], [line(3)])
    assert.equal(outdated[0]![1], taxes(3))
    assert.deepEqual(outdated[1], [taxes(4)])
    const alone = visit(4, [line(5)])
    assert.deepEqual([alone[0]![1], alone[1]], [undefined, [taxes(5)]])
  })

  it("leads on from what the request writes, and from the texts it is given", () => {
    const visit = (n: number, mail: string) => {
      const journey = course.begin(`/store/carts {"email":"${mail}"}`)
      ask(journey, "select * from region")
      journey.inserts("cart", [cart(n), line(n), line(n + 10)])
      journey.moves(["cart"])
      ask(journey, "select * from store")
      const ahead = aheadOf(journey)
      ask(journey, `select * from line where id in ('${line(n)}', '${line(n + 10)}')`)
      ask(journey, `select * from cart where id = '${cart(n)}'`)
      ask(journey, `select * from customer where email = '${mail}'`)
      journey.end()
      return ahead
    }
    visit(1, "one@example.com")
    assert.deepEqual(visit(2, "o'two@example.com"), [
      `select * from line where id in ('${line(2)}', '${line(12)}')`,
      `select * from cart where id = '${cart(2)}'`,
      `select * from customer where email = 'o''two@example.com'`,
    ])
  })

  it("ends where others may have written, and leads past what the request writes but not to it", () => {
    const visit = (write: (journey: Journey) => void) => {
      const journey = course.begin("")
      ask(journey, "select * from region")
      const ahead = aheadOf(journey)
      write(journey)
      ask(journey, "select * from cart")
      ask(journey, "select * from store")
      journey.end()
      return ahead
    }
    visit((journey) => journey.moves(["cart"]))
    assert.deepEqual(
      visit((journey) => journey.moves(undefined)),
      ["select * from store"],
    )
    assert.deepEqual(
      visit(() => undefined),
      [],
    )
  })

  it("leaves out what is known, what must wait its turn, and what nobody knows the values of", () => {
    const visit = (n: number) => {
      const journey = course.begin("")
      ask(journey, "select * from region")
      const ahead = journey.ahead((sql) => sql.includes("store"))
      ask(journey, "select * from store")
      ask(journey, "select * from stock", [], false)
      ask(journey, "select * from line", [{ id: line(n) }])
      ask(journey, `select * from tax where line_id in ('${line(n)}')`)
      journey.end()
      return ahead.map(({ sql }) => sql)
    }
    visit(1)
    assert.deepEqual(visit(2), ["select * from line"])
  })

  it("leads no more to what seldom serves, until it is known where its values come from", () => {
    const visit = (rows: object[], value: string) => {
      const journey = course.begin("")
      ask(journey, "select * from region", rows as Record<string, unknown>[])
      const ahead = journey.ahead(nothingIsKnown)
      for (const one of ahead) trying(one)
      ask(journey, `select * from price where currency = '${value}'`)
      journey.end()
      return ahead.length
    }
    assert.equal(visit([], "a1"), 0)
    assert.deepEqual(
      ["a2", "a3", "a4", "a5"].map((value) => visit([], value)),
      [1, 1, 1, 0],
    )
    // A request that asks what was not expected: one of the next is watched.
    const other = course.begin("")
    ask(other, "select * from surprise")
    other.end()
    for (let n = 0; n < 4; n++) visit([{ currency: `b${n}` }], `b${n}`)
    assert.equal(visit([{ currency: "eur" }], "eur"), 1)
  })

  it("leads to it again after a while", () => {
    const ahead = Array.from({ length: 500 }, (_, n) => {
      const journey = course.begin("")
      ask(journey, "select * from region")
      const expected = journey.ahead(nothingIsKnown)
      for (const one of expected) trying(one)
      if (n === 0) ask(journey, "select * from price")
      journey.end()
      return expected.length
    })
    assert.deepEqual(ahead.slice(0, 5), [0, 1, 1, 1, 0])
    const again = ahead.slice(5).filter((count) => count > 0).length
    assert.ok(again >= 2 && again < 10, String(again))
    course.proofs = { tries: 6, serves: 0 }
    const proven = Array.from({ length: 150 }, () => course.begin("").takeProofs().length)
    assert.deepEqual([proven[0], proven[149]], [0, 1])
  })

  it("leads from one statement to what it would lead to too early from another", () => {
    const price = "select * from price"
    const visit = () => {
      const journey = course.begin("")
      const ahead = ["region", "store"].map((table) => {
        ask(journey, `select * from ${table}`)
        const expected = journey.ahead((sql) => sql !== price)
        for (const one of expected) trying(one)
        // Asked along with the first it comes too early.
        if (table === "store") for (const { lucks } of expected) lucks[0]!.serves++
        return expected.length
      })
      ask(journey, price)
      journey.end()
      return ahead
    }
    assert.deepEqual(Array.from({ length: 5 }, visit), [
      [0, 0],
      [1, 1],
      [1, 1],
      [1, 1],
      [0, 1],
    ])
  })

  it("leads once to what is asked several times", () => {
    const visit = () => {
      const journey = course.begin("")
      ask(journey, "select * from region")
      const ahead = journey.ahead(nothingIsKnown)
      for (const sql of ["select * from price", "select * from price"]) ask(journey, sql)
      journey.end()
      return ahead.map(({ sql, lucks }) => [sql, lucks.length])
    }
    visit()
    assert.deepEqual(visit(), [["select * from price", 2]])
  })

  it("keeps what some requests ask and some do not, while it serves", () => {
    const visit = (asks: string[]) => {
      const journey = course.begin("")
      ask(journey, "select * from region")
      const ahead = journey.ahead(nothingIsKnown)
      for (const one of ahead) {
        trying(one)
        if (asks.includes(one.sql)) one.lucks[0]!.serves++
      }
      for (const sql of asks) ask(journey, sql)
      journey.end()
      return ahead.map(({ sql }) => sql)
    }
    const [a, b] = ["select * from a", "select * from b"]
    visit([a])
    assert.deepEqual(visit([a]), [a])
    assert.deepEqual(visit([b]), [a])
    assert.deepEqual(visit([a, b]), [a, b])
    for (let n = 0; n < 8; n++) visit([b])
    assert.deepEqual(visit([b]), [b])
  })

  it("leads from a commit to what is asked after it, where nothing else is written between", () => {
    const lines = `select * from line where cart_id = '${cart(1)}'`
    /** @param moves after the cart was read, and before its lines are */
    const visit = (moves: number, begins = true, reads: string[] = []) => {
      const journey = course.begin(`/store/carts/${cart(1)}`)
      journey.begin()
      if (begins) ask(journey, `select id from cart where id = '${cart(1)}'`)
      for (const sql of reads) ask(journey, sql)
      const ahead: string[][] = []
      for (let move = 0; move < moves; move++) {
        journey.moves(["address"])
        ahead.push((journey.aheadOfCommit(nothingIsKnown) ?? []).map(({ sql }) => sql))
      }
      ask(journey, lines)
      journey.end()
      return ahead
    }
    // Issued, answered, the commit sent, and that answered.
    assert.deepEqual(visit(4), [[], [], [], []])
    assert.deepEqual(visit(4), [[], [], [lines], []])
    assert.deepEqual(visit(2), [[], []])
    course = new Course()
    visit(2, false)
    assert.deepEqual(visit(2, false), [[lines], []], "also before anything is asked")
    course = new Course()
    const provider = "select * from provider"
    visit(4, true, [provider])
    const between = course.begin("")
    for (const one of between.ahead(nothingIsKnown)) trying(one)
    assert.deepEqual(visit(4), [[], [], [lines], []], "and where others read something in between")
    assert.deepEqual(visit(4), [[], [], [lines], []])
  })
})
