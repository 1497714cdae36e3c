import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { migrationOf } from "../../src/doctor"
import { presentable } from "../../src/doctor/plan"
import { withoutConstants } from "../../src/doctor/workload"

describe("what may be shown of a statement", () => {
  const secret = "ada@example.com"
  for (const text of [
    `select '${secret}'`,
    `select 'it''s ${secret}'`,
    `select $$${secret}$$`,
    `select $body$ ' ${secret}$body$, 'x'`,
    `select E'a\\'b', '${secret}'`,
    `select /* don't */ 1, '${secret}'`,
    `select 1 -- don't\n, '${secret}'`,
    `select "it's", '${secret}'`,
    `select "say ""it's""" from "a" where b = '${secret}'`,
    `select u&'${secret}', n'${secret}', b'01', x'ff'`,
    `select '${secret}`,
    `select 1 /* ${secret}`,
  ]) {
    it(`holds no constant: ${text.replace("\n", " ")}`, () => {
      const shown = withoutConstants(text)
      assert.ok(!shown.includes("ada"), shown)
      assert.match(shown, /^select /)
    })
  }

  it("holds no number, but names and parameters", () => {
    const text = `select p1."col2", $1, t3.x from "order4" as "o0" where a = 12.5 and b = 1e6 and c in (0x1F, 1_000, .5)`
    const shown = `select p1."col2", $1, t3.x from "order4" as "o0" where a = ? and b = ? and c in (?, ?, ?)`
    assert.equal(withoutConstants(text), shown)
  })

  it("is shown of a plan only where it is known", () => {
    const plan = presentable({
      "Node Type": "Seq Scan",
      "Total Cost": 1,
      "Plan Rows": 1,
      Filter: `(email = '${secret}'::text)`,
      "Sort Key": [`(CASE WHEN (x = '${secret}') THEN 1 END)`],
      Output: [`'${secret}'`],
      Plans: [{ "Node Type": "Result", "Total Cost": 1, "Plan Rows": 1, "One-Time Filter": secret }],
    } as never)
    assert.ok(!JSON.stringify(plan).includes("ada"))
    assert.match(plan.Filter!, /email = '\?'::text/)
  })
})

describe("a migration", () => {
  it("holds nothing that a name made code", () => {
    const fix = {
      sql: ["select 1"],
      undo: ["drop index x\nprocess.exit(2)"],
      locks: "",
      remark: "a\u2028process.exit(3)",
      isMigration: true,
    }
    const finding = {
      check: "",
      severity: "note" as const,
      subject: "",
      what: "a\nprocess.exit(1)",
      why: "",
      evidence: {},
      fix,
    }
    const lines = migrationOf([finding])!.split(/[\r\n\u2028\u2029]/)
    assert.deepEqual(
      lines.filter((line) => line.includes("process.exit") && !/^\s*\/\//.test(line)),
      [],
    )
  })
})
