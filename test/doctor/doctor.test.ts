/** The doctor on a clean store and on one that has grown, with the faults that were planted there. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { Client } from "pg"
import { type Diagnosis, examine, migrationOf, renderPage, renderText } from "../../src/doctor"
import { createDatabase, type Database } from "../support/database"
import { copyOfDemo } from "../support/demo-database"

const named = (diagnosis: Diagnosis, check: string) =>
  diagnosis.findings.filter((finding) => finding.check === check).map(({ subject }) => subject)

/** Each statement by itself, as a migration script runs it. */
async function run(url: string, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

describe("the doctor on a clean store", () => {
  let clean: Database
  before(async () => {
    clean = await copyOfDemo("pegasus_doctor_clean")
  })
  after(() => clean.drop())

  it("finds nothing", async () => {
    const { findings } = await examine({ databaseUrl: clean.url, mayTry: true })
    assert.deepEqual(findings, [])
  })
})

describe("the doctor where there is no store", () => {
  let empty: Database
  before(async () => {
    empty = await createDatabase("pegasus_doctor_empty")
  })
  after(() => empty.drop())

  it("says so", async () => {
    const refused = async (databaseUrl: string, code: string) =>
      assert.rejects(examine({ databaseUrl }), (error: { code?: string; message: string }) => {
        assert.equal(error.code, code)
        assert.ok(!error.message.includes("secret"), "a password is not shown")
        return true
      })
    await refused("mysql://shop@127.0.0.1/shop", "DOCTOR_URL_INVALID")
    await refused("postgres://", "DOCTOR_URL_INVALID")
    await refused("postgres://shop:secret@127.0.0.1:1/shop", "DOCTOR_UNREACHABLE")
    await refused("postgres://shop@no-such-host.invalid/shop", "DOCTOR_UNREACHABLE")
    await refused(empty.url.replace(/:[^:@]*@/, ":secret@"), "DOCTOR_REFUSED")
    await refused(empty.url.replace(/[^/]*$/, "no_such_database"), "DOCTOR_REFUSED")
    await refused(empty.url, "DOCTOR_NOT_MEDUSA")
  })
})

describe("the doctor on a store that has grown", () => {
  let grown: Database
  let diagnosis: Diagnosis
  before(async () => {
    grown = await copyOfDemo("pegasus_doctor_grown", 20_000)
    // A concurrent build that fails leaves its index behind.
    await grown.client
      .query("create unique index concurrently half_built on cart_line_item (title)")
      .catch(() => undefined)
    diagnosis = await examine({ databaseUrl: grown.url, mayTry: true })
  })
  after(() => grown.drop())

  it("finds every fault that was planted", () => {
    assert.deepEqual(named(diagnosis, "missing-indexes").sort(), [
      "IDX_cart_line_item_cart_id",
      "IDX_customer_email_has_account_unique",
      "IDX_order_item_order_id",
      "IDX_product_handle_unique",
      "IDX_product_variant_product_id",
    ])
    assert.deepEqual(named(diagnosis, "foreign-keys"), ["order_line_item_tax_line.item_id"])
    assert.deepEqual(named(diagnosis, "invalid-indexes"), ["half_built"])
    assert.deepEqual(named(diagnosis, "duplicate-indexes"), ["IDX_order_customer_id_again"])
    assert.deepEqual(named(diagnosis, "unused-indexes"), ["order_line_item_subtitle"])
    assert.ok(named(diagnosis, "stale-statistics").includes("product"))
    assert.ok(named(diagnosis, "dead-rows").includes("workflow_execution"))
    assert.ok(named(diagnosis, "growing-tables").includes("workflow_execution"))
    assert.ok(named(diagnosis, "growing-tables").includes("cart"))
    const advised = named(diagnosis, "index-advisor")
    assert.ok(
      advised.some((name) => /order_.*created_at/.test(name)),
      advised.join(),
    )
    assert.deepEqual(named(diagnosis, "search"), ["product, product_variant"])
    assert.deepEqual(diagnosis.hidden, [])
  })

  it("has measured what each index that it recommends saves", () => {
    const advised = diagnosis.findings.filter(({ fix }) => fix?.index)
    for (const { subject, gain, check } of advised) {
      if (check !== "index-advisor" && !gain) continue
      assert.equal(gain?.basis, "measured", subject)
      assert.ok(gain!.after < 0.7 * gain!.before, `${subject}: ${gain!.before} to ${gain!.after} ms`)
    }
    assert.ok(advised.filter(({ gain }) => gain).length >= 4)
  })

  it("leaves the database as it was", async () => {
    const { rows } = await grown.client.query(
      "select indexname from pg_indexes where indexname like 'IDX_pegasus%' or indexname = 'IDX_product_handle_unique'",
    )
    assert.deepEqual(rows, [])
  })

  it("shows nobody's data, in no form of its report", () => {
    for (const report of [renderText(diagnosis), renderPage(diagnosis), JSON.stringify(diagnosis)]) {
      assert.doesNotMatch(report, /example\.com|Lovelace|(order|cart|cus)_grown_|Analytical/)
    }
  })

  it("is content once its migration has run", async () => {
    const migration = migrationOf(diagnosis.findings)!
    const [, list] = /const statements = (\[[\s\S]*?\n\])/.exec(migration)!
    const statements = JSON.parse(list!.replace(/^\s*\/\/.*$/gm, "").replace(/,\s*\]$/, "]")) as string[]
    // This one must be mended by hand, as its remark says.
    await run(grown.url, ["drop index half_built"])
    await run(
      grown.url,
      statements.filter((statement) => !statement.includes("half_built")),
    )
    const again = await examine({ databaseUrl: grown.url, mayTry: true })
    for (const check of [
      "missing-indexes",
      "invalid-indexes",
      "duplicate-indexes",
      "stale-statistics",
      "dead-rows",
      "index-advisor",
    ]) {
      assert.deepEqual(named(again, check), [], check)
    }
  })
})
