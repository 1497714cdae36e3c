/** Medusa as it may be one day: what Pegasus hooks into has another name. The store starts, is right, and says so once. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { ask } from "../support/ask"
import { adminOf, shop } from "../support/shopper"
import { type Ready, startStore } from "../support/store"

/** In the files that match. */
interface Renaming {
  files: string
  from: string
  to: string
}

/** Without it nothing is cached, and nothing else is hooked into. */
const first = "events of statements"
/** For a store of several processes. */
const onRedis = "workflows on Redis"

/** Each with what it is called otherwise. */
const seams: Record<string, Renaming[]> = {
  [first]: [{ files: "/knex/lib/", from: "'(query|query-response|query-error)'", to: "'old-$1'" }],
  statements: [{ files: "/knex/lib/", from: "\\b_query\\b", to: "_sendQuery" }],
  "connections given back": [
    {
      files: "/knex/lib/|/run-migration-scripts.js$",
      from: "\\breleaseConnection\\b",
      to: "giveBackConnection",
    },
  ],
  "free connections": [{ files: "/tarn/dist/Pool.js$", from: "\\b_startReaping\\b", to: "_watchIdle" }],
  "statements of MikroORM": [
    { files: "/@mikro-orm/knex/AbstractSqlConnection.js$", from: "async execute\\(", to: "async runSql(" },
    {
      files: "/@mikro-orm/[^/]+/(?:query/|schema/)?\\w+.js$|/link-modules/dist/migration/",
      from: "([cC]onnection(?:\\(\\w*\\))?)\\.execute\\(",
      to: "$1.runSql(",
    },
  ],
  "services of links": [
    { files: "/@medusajs/link-modules/dist/services/", from: "\\blinkService_\\b", to: "innerService_" },
  ],
  finds: [
    { files: "/@mikro-orm/knex/AbstractSqlDriver.js$", from: "(this\\.|async )find\\(", to: "$1findRows(" },
    { files: "/@mikro-orm/core/.*\\.js$", from: "\\bdriver\\.find\\(", to: "driver.findRows(" },
  ],
  "loading of relations": [
    { files: "/@mikro-orm/core/.*\\.js$", from: "\\bpopulateField\\b", to: "populateOne" },
  ],
  "updates of objects": [
    { files: "/@mikro-orm/core/unit-of-work/", from: "\\bupdateEntity\\b", to: "updateObject" },
  ],
  storages: [
    {
      files: "/@mikro-orm/core/.*\\.js$",
      from: "(static async |RawQueryFragment\\.)run\\(",
      to: "$1inside(",
    },
  ],
  "fetch requests": [
    { files: "/@medusajs/query/dist/", from: "\\bexecuteFetchRequest\\b", to: "fetchFromModule" },
  ],
  "plans of queries": [
    { files: "/@medusajs/query/dist/joiner/", from: "\\bcompileQuery\\b", to: "planQuery" },
  ],
  "previous step": [
    { files: "/@medusajs/orchestration/dist/", from: "\\bgetPreviousStep\\b", to: "stepBefore" },
  ],
  "standings of flows": [
    {
      files: "/@medusajs/orchestration/dist/",
      from: "\\bcomputeCurrentTransactionState\\b",
      to: "standingOfTransaction",
    },
  ],
  "definitions of flows": [
    {
      files: "/@medusajs/orchestration/dist/transaction/orchestrator-builder.js$",
      from: "\\bload\\(",
      to: "take(",
    },
  ],
  "skipped steps": [
    { files: "/@medusajs/(?:core-flows|workflows-sdk)/dist/", from: "\\bskip\\(\\)", to: "leaveOut()" },
  ],
  "saving of checkpoints": [
    { files: "/@medusajs/[^/]+/dist/", from: "\\bsaveCheckpoint\\b", to: "keepCheckpoint" },
  ],
  copies: [{ files: "/@medusajs/[^/]+/dist/", from: "\\bparseStringifyIfNecessary\\b", to: "copyAsJson" }],
  numbers: [{ files: "/@medusajs/utils/dist/totals/", from: "\\bsetRawValueOrThrow\\b", to: "readRawValue" }],
  "fields of entities": [
    { files: "/@medusajs/utils/dist/dal/", from: "\\bprocessProperty\\b", to: "serializeProperty" },
  ],
  "what steps are given": [
    { files: "/@medusajs/workflows-sdk/dist/", from: "\\bresolveValue\\b", to: "valueFor" },
  ],
  "fields of what steps gave": [
    { files: "/@medusajs/workflows-sdk/dist/", from: "\\bproxify\\b", to: "standIn" },
  ],
  "executions of flows": [
    { files: "/@medusajs/workflow-engine", from: "\\bworkflowExecutionService_", to: "executionService_" },
  ],
  "strict schemas": [
    { files: "/@medusajs/framework/dist/", from: "\\bzodValidator\\b", to: "validateByZod" },
  ],
  "extended schemas": [
    { files: "/@medusajs/[^/]+/dist/", from: "\\bWithAdditionalData\\b", to: "withAdditional" },
  ],
  "new ids": [{ files: "/@medusajs/[^/]+/dist/", from: "\\bgenerateEntityId\\b", to: "makeEntityId" }],
  [onRedis]: [
    { files: "/@medusajs/workflow-engine-redis/dist/", from: "\\bredisClient\\b", to: "redisConnection_" },
  ],
  "begin of a transaction": [
    { files: "/@medusajs/[^/]+/dist/", from: "\\bbeginTransaction\\b", to: "startTransaction" },
  ],
}

/** The suite breaks all others at once; the upgrade guard each alone. */
const cases = process.env.PEGASUS_TEST_EACH_SEAM
  ? Object.keys(seams).map((name) => [name])
  : [Object.keys(seams).filter((name) => name !== first && name !== onRedis)]

describe("a Medusa that is not as it was read", () => {
  for (const broken of cases) {
    it(`is served rightly, with one warning: ${broken.join(", ")}`, async () => {
      const modules = broken.includes(onRedis) ? "redis" : "memory"
      const store = await startStore(["--cache", "pegasus", "--modules", modules], {
        PEGASUS_TEST_RENAMES: JSON.stringify(broken.flatMap((name) => seams[name])),
        NODE_OPTIONS: `--require ${join(__dirname, "rename.cjs")}`,
      })
      try {
        await showsChanges(store.ready)
        await shop(store.ready)
        const log = readFileSync(/it writes its log to (.+)$/m.exec(store.stderr())![1]!, "utf8")
        const warnings = log.split("\n").filter((line) => line.includes("Pegasus: this Medusa"))
        assert.equal(warnings.length, 1, warnings.join("\n"))
      } finally {
        await store.stop()
      }
    })
  }
})

async function showsChanges(ready: Ready): Promise<void> {
  const path = `/store/products?limit=5&order=id&region_id=${ready.regionId}&fields=id,title,*variants.calculated_price`
  const read = async () => JSON.parse((await ask(ready, { method: "GET", path })).text).products
  const [before] = await read()
  const { admin } = await adminOf(ready)
  for (const title of ["Renamed once", "Renamed twice", before.title]) {
    await admin.product.update(before.id, { title })
    for (let i = 0; i < 2; i++) assert.deepEqual((await read())[0], { ...before, title })
  }
}
