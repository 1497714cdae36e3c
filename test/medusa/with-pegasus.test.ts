import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, it } from "node:test"
import { type PegasusError, withPegasus } from "../../src"
import { checkMedusaVersion, findMedusaVersion, newestTested } from "../../src/medusa/version"

const codeOf = (code: string) => (error: PegasusError) => error.code === code && error.remedy.length > 0

describe("withPegasus", () => {
  const config = {
    projectConfig: { databaseUrl: "postgres://localhost/store" },
    featureFlags: { translation: true },
    modules: {
      product: { resolve: "@medusajs/medusa/product" },
      caching: { resolve: "@medusajs/medusa/caching", options: { providers: [{ id: "caching-redis" }] } },
    },
    plugins: [{ resolve: "another-plugin", options: { a: 1 } }],
  }

  it("switches caching on, puts our module in its place, adds the plugin, and keeps the rest", () => {
    const before = structuredClone(config)
    const result = withPegasus(config, { redisUrl: "redis://localhost:6379" })
    assert.deepEqual(config, before)
    assert.equal(result.projectConfig, config.projectConfig)
    assert.deepEqual(result.featureFlags, { translation: true, caching: true })
    assert.equal(result.modules.product, config.modules.product)
    assert.deepEqual(result.modules.caching, {
      resolve: "medusa-pegasus/.medusa/server/src/modules/caching",
      options: {
        pegasus: { redisUrl: "redis://localhost:6379" },
        providerIds: ["pegasus", "caching-redis"],
        replacedDefault: "caching-redis",
        warning: undefined,
      },
    })
    assert.deepEqual(result.plugins, [...config.plugins, { resolve: "medusa-pegasus", options: {} }])
  })

  it("refuses a configuration that defineConfig has not seen", () => {
    assert.throws(() => withPegasus({}), codeOf("PEGASUS_CONFIG_INVALID"))
    assert.throws(() => withPegasus({ modules: [] }), codeOf("PEGASUS_CONFIG_INVALID"))
  })

  it("refuses wrong options", () => {
    const options = { redisUrl: "nonsense" }
    assert.throws(() => withPegasus(config, options), codeOf("PEGASUS_OPTIONS_INVALID"))
  })
})

describe("the version of Medusa", () => {
  const project = mkdtempSync(join(tmpdir(), "pegasus-version-"))
  after(() => rmSync(project, { recursive: true }))

  it("is found where the project finds it", () => {
    assert.throws(() => findMedusaVersion(project), codeOf("PEGASUS_MEDUSA_NOT_FOUND"))
    const medusa = join(project, "node_modules", "@medusajs", "medusa")
    mkdirSync(medusa, { recursive: true })
    writeFileSync(
      join(medusa, "package.json"),
      JSON.stringify({ name: "@medusajs/medusa", version: "2.9.1" }),
    )
    assert.equal(findMedusaVersion(project), "2.9.1")
    assert.match(findMedusaVersion(process.cwd()), /^\d+\.\d+\.\d+$/)
  })

  it("stops the boot when it is too old, warns when it is too new", () => {
    for (const version of ["1.20.0", "2.0.0", "2.10.9"]) {
      assert.throws(() => checkMedusaVersion(version), codeOf("PEGASUS_MEDUSA_TOO_OLD"))
    }
    for (const version of ["2.11.0", "2.20.1", newestTested])
      assert.equal(checkMedusaVersion(version), undefined)
    for (const version of ["2.21.3", "2.22.0-snapshot-1", "3.0.0"]) {
      assert.match(
        checkMedusaVersion(version)!,
        new RegExp(`tested up to Medusa ${newestTested}.*${version}`),
      )
    }
  })
})
