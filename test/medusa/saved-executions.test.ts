/** What a flow that keeps its state leaves in the table of executions, with Medusa's own storage and service, on a real PostgreSQL. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { MikroORM } from "@medusajs/framework/mikro-orm/postgresql"
import { DistributedTransaction } from "@medusajs/framework/orchestration"
import {
  MedusaInternalService,
  MikroOrmBaseRepository,
  mikroOrmBaseRepositoryFactory,
  toMikroOrmEntities,
} from "@medusajs/framework/utils"
import { ulid } from "ulid"
import type { Database as Connection } from "../../src/medusa/freshness"
import { saveExecutionsUnread } from "../../src/medusa/saved-executions"
import { createDatabase, type Database } from "../support/database"

const { InMemoryDistributedTransactionStorage } = require("@medusajs/workflow-engine-inmemory/dist/utils")
const { WorkflowExecution } = require("@medusajs/workflow-engine-inmemory/dist/models")

const schema = `create table workflow_execution (
  id text, workflow_id text, transaction_id text, run_id text, execution jsonb, context jsonb, state text, retention_time int,
  created_at timestamptz default now(), updated_at timestamptz default now(), deleted_at timestamptz,
  primary key (workflow_id, transaction_id, run_id)
)`

/** Of the ids that requests made up, where that is asked. */
const others = { hasMade: () => false }

interface Storage {
  saveToDb(data: object, retentionTime?: number): Promise<void>
}

describe("a flow that keeps its state", () => {
  let database: Database
  let orm: MikroORM
  let shared: Pick<Connection, "raw">
  let statements: string[]

  function storage(): Storage {
    const manager = orm.em.fork()
    const repository = mikroOrmBaseRepositoryFactory(WorkflowExecution)
    const container = {
      workflowExecutionRepository: new repository({ manager }),
      baseRepository: new MikroOrmBaseRepository({ manager }),
    }
    const workflowExecutionService = new (MedusaInternalService(WorkflowExecution))(container)
    const storage = new InMemoryDistributedTransactionStorage({ workflowExecutionService, logger: console })
    DistributedTransaction.setStorage(storage)
    return storage
  }

  before(async () => {
    database = await createDatabase("pegasus_executions")
    await database.client.query(schema)
    orm = await MikroORM.init({
      entities: toMikroOrmEntities([WorkflowExecution]) as never,
      clientUrl: database.url,
      ignoreUndefinedInQuery: true,
    })
    const knex = orm.em.getConnection().getKnex()
    shared = knex as unknown as Connection
    knex.on("query", ({ sql }: { sql: string }) => statements.push(sql.slice(0, 6).toLowerCase()))
  })
  beforeEach(async () => {
    statements = []
    await database.client.query("truncate workflow_execution")
  })
  after(async () => {
    await orm?.close(true)
    await database?.drop()
  })

  const steps = (state: string) => ({
    "_root.a": { id: "_root.a", invoke: { state }, definition: { store: true } },
  })
  const dataOf = (state: string, transactionId: string, runId: string) => ({
    flow: { state, modelId: "flow", transactionId, runId, steps: steps(state), title: 'it\'s "done"; \\' },
    context: { invoke: { a: { state, list: [1, null] } } },
    errors: [],
  })
  /** @returns what was asked for each state, and what is there at the end */
  async function run(store: Storage, states: string[], transactionId = `auto-${ulid()}`) {
    const runId = ulid()
    const asked: string[] = []
    for (const state of states) {
      statements = []
      await store.saveToDb(dataOf(state, transactionId, runId), 60)
      asked.push(statements.filter((one) => !/^(?:begin|commit)/.test(one)).join())
    }
    const { rows } = await database.client.query(
      "select *, updated_at >= created_at as is_later from workflow_execution where run_id = $1",
      [runId],
    )
    const { id, created_at, updated_at, run_id, transaction_id, ...row } = rows[0]
    assert.match(id, /^wf_exec_[0-9A-Z]{26}$/)
    assert.deepEqual(
      [run_id, row.execution.runId, transaction_id],
      [runId, runId, row.execution.transactionId],
    )
    delete row.execution.runId
    delete row.execution.transactionId
    return { asked, row, count: rows.length }
  }

  it("is begun and ended without being read, and is there as ever", async () => {
    const before = await run(storage(), ["not_started", "done"])
    const store = storage()
    assert.ok(saveExecutionsUnread(shared, others))
    const after = await run(store, ["not_started", "done"])
    assert.deepEqual(before.asked, ["select,insert", "select,update"])
    assert.deepEqual(after.asked, ["insert", "update"])
    assert.deepEqual([after.row, after.count], [before.row, 1])
    assert.equal(after.row.state, "done")
    assert.ok(after.row.is_later)
  })

  it("keeps its id, and when it was begun", async () => {
    const store = storage()
    assert.ok(saveExecutionsUnread(shared, others))
    const transactionId = `auto-${ulid()}`
    const runId = ulid()
    const row = async () =>
      (await database.client.query("select id, created_at from workflow_execution")).rows[0]
    await store.saveToDb(dataOf("not_started", transactionId, runId), 60)
    const begun = await row()
    await store.saveToDb(dataOf("failed", transactionId, runId), 60)
    assert.deepEqual(await row(), begun)
  })

  it("is read when others may have saved it, or it was saved in between", async () => {
    const store = storage()
    assert.ok(saveExecutionsUnread(shared, others))
    const asked = async (...given: Parameters<typeof run>) => (await run(...given)).asked
    assert.deepEqual(await asked(store, ["not_started", "done"], "order-1"), [
      "select,insert",
      "select,update",
    ])
    assert.deepEqual(await asked(store, ["done"]), ["select,insert"])
    assert.deepEqual(await asked(store, ["not_started", "invoking", "done"]), [
      "insert",
      "select,update",
      "select,update",
    ])
    const old = `auto-${ulid(Date.now() - 61_000)}`
    assert.deepEqual(await asked(store, ["not_started", "done"], old), ["select,insert", "select,update"])
  })

  it("is inserted again when it was deleted in between, and saved as ever when it cannot be updated", async () => {
    const begun = async (transactionId: string, runId: string, on = shared) => {
      const store = storage()
      assert.ok(saveExecutionsUnread(on, others))
      await store.saveToDb(dataOf("not_started", transactionId, runId), 60)
      statements = []
      return (state: string) => store.saveToDb(dataOf(state, transactionId, runId), 60)
    }
    const asked = () => statements.filter((one) => !/^(?:begin|commit)/.test(one)).join()
    const [transactionId, runId] = [`auto-${ulid()}`, ulid()]
    const save = await begun(transactionId, runId)
    await database.client.query("delete from workflow_execution")
    await save("done")
    assert.equal(asked(), "update,select,insert")
    const raw = () => Promise.reject(new Error("no such column"))
    const saveAnother = await begun(`auto-${ulid()}`, ulid(), { raw })
    await saveAnother("reverted")
    const { rows } = await database.client.query("select state from workflow_execution order by state")
    assert.deepEqual(
      rows.map(({ state }) => state),
      ["done", "reverted"],
    )
  })

  it("is saved as ever when Medusa is not as it was read", () => {
    const storage = new InMemoryDistributedTransactionStorage({
      workflowExecutionService: { upsert: () => undefined },
      logger: console,
    })
    DistributedTransaction.setStorage(storage)
    assert.equal(saveExecutionsUnread(shared, others), false)
  })
})
