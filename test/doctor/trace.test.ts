/** A request of the demo store, traced by the command as it is installed. */
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { after, before, describe, it } from "node:test"
import { need } from "../../demo/run/services"
import type { Trace } from "../../src/doctor"
import { groupBySite, loopsIn, shapeOf } from "../../src/doctor/trace/group"
import type { Database } from "../support/database"
import { copyOfDemo } from "../support/demo-database"
import { root } from "../support/store"

describe("a trace", () => {
  let database: Database
  let key: string
  before(async () => {
    database = await copyOfDemo("pegasus_trace")
    const { rows } = await database.client.query(
      "select token from api_key where type = 'publishable' limit 1",
    )
    key = rows[0].token
  })
  after(() => database.drop())

  const traceOf = async (path: string, cache: string) => {
    const redis = await need(["redis"])
    const args = [
      "trace",
      "--store",
      "demo",
      "--json",
      "--header",
      `x-publishable-api-key: ${key}`,
      "--",
      path,
    ]
    const env = {
      ...process.env,
      DATABASE_URL: database.url,
      PEGASUS_DEMO_CACHE: cache,
      PEGASUS_DEMO_REDIS_URL: redis.urls.redis,
    }
    const { code, out } = await new Promise<{ code: unknown; out: string }>((resolve) =>
      execFile(
        process.execPath,
        [".medusa/server/src/cli/main.js", ...args],
        { cwd: root, env },
        (error, stdout, stderr) => resolve({ code: error ? error.code : 0, out: stdout || stderr }),
      ),
    )
    await redis.release()
    return { code, trace: JSON.parse(out) as Trace }
  }

  it("names the line of a loop, and what asks once, where answers are kept, too", async () => {
    const { code, trace } = await traceOf("/store/one-by-one", "pegasus")
    assert.equal(code, 1)
    const [loop, ...others] = trace.loops
    assert.deepEqual(others, [])
    assert.match(loop!.place!, /^src\/api\/store\/one-by-one\/route\.ts:11$/)
    assert.deepEqual(
      loop!.shapes.map(({ calls }) => calls),
      [10, 10],
    )
    assert.match(
      loop!.instead,
      /query\.graph\(\{ entity: "product", fields: \["\*", "variants\.\*"\], filters: \{ id/,
    )
  })

  it("finds no loop where there is none", async () => {
    const { code, trace } = await traceOf("/store/branded", "off")
    assert.equal(code, 0)
    assert.deepEqual(trace.loops, [])
    assert.ok(trace.statements >= 4)
  })

  it("knows a statement again whatever its constants and the length of its lists", () => {
    const one = shapeOf(`select 1 from "a" where "id" in ('x', 'y') and n = 5 and t = $1`)
    assert.equal(one, shapeOf(`select 1 from "a"  where "id" in ('z') and n = 77 and t = 'ada@example.com'`))
  })

  it("takes for a loop what one line asks three times, not what three lines ask", () => {
    const asked = (line: number) => ({
      text: "select 1",
      duration: 1,
      stack: `at f (/shop/src/a.ts:${line}:1)`,
    })
    const loops = (lines: number[]) =>
      loopsIn(groupBySite(lines.map(asked), (file) => file.replace("/shop/", "")))
    assert.equal(loops([1, 1, 1]).length, 1)
    assert.equal(loops([1, 2, 3]).length, 0)
    assert.equal(loops([1, 1]).length, 0)
  })
})
