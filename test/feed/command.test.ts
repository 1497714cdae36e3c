import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { parseArguments, UsageError } from "../../src/cli/arguments"
import { feed } from "../../src/cli/feed"
import { createDatabase, type Database } from "../support/database"

describe("pegasus feed", () => {
  let database: Database
  before(async () => {
    database = await createDatabase("pegasus_command")
    await database.client.query(
      `create table thing (id text primary key); create table cart (id text primary key)`,
    )
  })
  after(() => database.drop())

  async function run(line: string) {
    const given = parseArguments(line.split(" "))
    assert.ok(given.command === "feed")
    let printed = ""
    const print = (text: string) => {
      printed += `${text}\n`
    }
    return { right: await feed({ arguments: given, databaseUrl: database.url, print }), printed }
  }

  it("says which tables tell their changes, installs, and removes, with the SQL first", async () => {
    const before = await run("feed status")
    assert.equal(before.right, false)
    assert.match(
      before.printed,
      /0 tell their changes\.\n\n1 do not tell[^\n]*:\n {2}thing\n\n1 are written[^\n]*:\n {2}cart/,
    )
    const dry = await run("feed install --dry-run")
    assert.match(dry.printed, /create trigger pegasus_insert after insert on "thing"/)
    assert.equal((await run("feed status")).right, false)
    const installed = await run("feed install")
    assert.ok(installed.printed.startsWith(dry.printed.trimEnd()))
    assert.match(installed.printed, /1 tables tell their changes now/)
    assert.equal((await run("feed status")).right, true)
    assert.match((await run("feed install")).printed, /already/)
    assert.match(
      (await run("feed remove")).printed,
      /drop function if exists pegasus_feed[\s\S]*1 tables tell their changes no more/,
    )
    assert.equal((await run("feed status")).right, false)
  })

  it("refuses what it does not understand", async () => {
    for (const line of [
      "feed",
      "feed dance",
      "feed status now",
      "feed status --rounds 2",
      "feed status --store a=b",
    ]) {
      assert.throws(() => parseArguments(line.split(" ")), UsageError, line)
    }
    assert.throws(() => parseArguments(["bench", "rows", "--store", "a=b", "--dry-run"]), UsageError)
    const given = parseArguments(["feed", "status"])
    assert.ok(given.command === "feed")
    await assert.rejects(
      feed({ arguments: given, databaseUrl: undefined, print: () => undefined }),
      UsageError,
    )
  })
})
