/** The doctor on another PostgreSQL, with hypopg, and seen by roles that may see less. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { fillDatabase } from "../../demo/run/database"
import { growDatabase } from "../../demo/run/grow"
import { type Diagnosis, examine, renderText } from "../../src/doctor"
import { withClient } from "../../src/feed"
import { missing, type Server, startDebianPostgres } from "../support/debian"

const lack = missing(["postgresql", "postgresql-15-hypopg"])

describe("the doctor on Debian's PostgreSQL", { skip: lack }, () => {
  let server: Server
  let url: string
  const as = (role: string) => url.replace("//postgres@", `//${role}@`)
  const sql = (text: string) =>
    withClient({ connectionString: url }, undefined, (client) => client.query(text))
  const named = ({ findings }: Diagnosis, check: string) =>
    findings.filter((finding) => finding.check === check).map(({ subject }) => subject)

  before(async () => {
    server = await startDebianPostgres()
    url = server.url.replace(/postgres$/, "shop")
    await withClient({ connectionString: server.url }, undefined, (client) =>
      client.query("create database shop"),
    )
    const { signal } = new AbortController()
    await fillDatabase(url, 20, signal)
    await growDatabase(url, 20_000, signal)
    await sql("create role plain login; create role watcher login in role pg_read_all_stats")
  })
  after(() => server.stop())

  it("needs no extension", async () => {
    await sql("drop extension if exists pg_stat_statements")
    const diagnosis = await examine({ databaseUrl: url })
    assert.deepEqual(named(diagnosis, "statement-statistics"), ["pg_stat_statements"])
    assert.ok(named(diagnosis, "missing-indexes").length >= 5)
    assert.deepEqual(named(diagnosis, "index-advisor"), [])
    assert.match(diagnosis.hidden.map(({ remedy }) => remedy).join(), /hypopg/)
    await sql("create extension pg_stat_statements")
  })

  it("knows what is prepared by what it asks", async () => {
    const asked = 'select count(*) from "order" where "email" = $1'
    await sql(`prepare "pegasus 1" as ${asked}; ${`execute "pegasus 1"('a');`.repeat(500)}`)
    const { workload } = await examine({ databaseUrl: url })
    assert.equal(workload!.byCalls.find(({ text }) => text === asked)?.calls, 500)
  })

  it("prices indexes by hypopg, without building one", async () => {
    await sql("create extension hypopg")
    const diagnosis = await examine({ databaseUrl: url })
    const advised = diagnosis.findings.filter(({ check }) => check === "index-advisor")
    assert.ok(
      advised.some(({ subject }) => /order_.*created_at/.test(subject)),
      renderText(diagnosis),
    )
    for (const { gain } of diagnosis.findings) if (gain) assert.equal(gain.basis, "priced")
    const gained = diagnosis.findings.filter(({ check, gain }) => check === "missing-indexes" && gain)
    assert.ok(gained.length >= 4)
    assert.equal((await sql("select from pg_indexes where indexname like 'IDX_pegasus%'")).rowCount, 0)
  })

  for (const role of ["plain", "watcher"]) {
    it(`says what is hidden from a ${role} role`, async () => {
      const diagnosis = await examine({ databaseUrl: as(role) })
      assert.ok(named(diagnosis, "missing-indexes").length >= 5)
      const hidden = diagnosis.hidden.map(({ remedy }) => remedy).join()
      assert.match(hidden, new RegExp(`grant pg_read_all_data to ${role}`))
      assert.equal(hidden.includes(`grant pg_read_all_stats to ${role}`), role === "plain")
      assert.doesNotMatch(hidden, /PostgreSQL says/)
      assert.equal(diagnosis.workload !== undefined, role === "watcher")
    })
  }
})
