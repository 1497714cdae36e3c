/** A stranger's project: an empty Medusa store that installs the packed plugin and adds the one line. */
import assert from "node:assert/strict"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { createDatabase } from "../../demo/run/database"
import { freePort } from "../../demo/run/ports"
import { need } from "../../demo/run/services"
import { root } from "../support/store"
import { until } from "../support/until"

const config = (line: string) => `
const { defineConfig } = require("@medusajs/framework/utils")
const { withPegasus } = require("medusa-pegasus")
const store = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    http: { jwtSecret: "test", cookieSecret: "test", storeCors: "", adminCors: "", authCors: "" },
  },
  admin: { disable: true },
})
module.exports = ${line}
`
const theLine = "withPegasus(store, { redisUrl: process.env.REDIS_URL })"

/** Asks twice through Medusa's own query, and looks whether the second answer came from the cache. */
const question = `
module.exports.default = async ({ container }) => {
  const query = container.resolve("query")
  const ask = () => query.graph({ entity: "store", fields: ["id", "created_at"] }, { cache: { enable: true, key: "q" } })
  await ask()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const kept = await container.resolve("caching").get({ key: "q" })
  console.log(kept?.data?.[0]?.created_at instanceof Date ? "HIT" : "MISS " + JSON.stringify(kept))
}
`

describe("a project that installs the package", () => {
  let services: Awaited<ReturnType<typeof need>>
  let project: string
  let env: NodeJS.ProcessEnv
  let store: ChildProcess | undefined

  before(async () => {
    services = await need(["postgres", "redis"])
    project = mkdtempSync(join(tmpdir(), "pegasus-consumer-"))
    const databaseUrl = await createDatabase(services.urls.postgres, 0)
    env = {
      ...process.env,
      NODE_ENV: "production",
      MEDUSA_DISABLE_TELEMETRY: "1",
      DATABASE_URL: databaseUrl,
      REDIS_URL: services.urls.redis,
    }
    install()
  })
  after(async () => {
    store?.kill("SIGKILL")
    rmSync(project, { recursive: true, force: true })
    await services.release()
  })

  function install(): void {
    const packed = execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", project], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
    const tarball = packed.trim().split("\n").at(-1)!
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({
        name: "a-store",
        private: true,
        dependencies: {
          "@medusajs/cli": "2.21.2",
          "@medusajs/framework": "2.21.2",
          "@medusajs/medusa": "2.21.2",
          "medusa-pegasus": `file:${tarball}`,
        },
      }),
    )
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"], {
      cwd: project,
      stdio: ["ignore", "ignore", "inherit"],
    })
    mkdirSync(join(project, "src", "scripts"), { recursive: true })
    writeFileSync(join(project, "src", "scripts", "ask.js"), question)
    writeFileSync(join(project, "medusa-config.js"), config(theLine))
  }

  const medusa = (...args: string[]) =>
    execFileSync(process.execPath, [join(project, "node_modules/@medusajs/cli/cli.js"), ...args], {
      cwd: project,
      env,
      encoding: "utf8",
    })

  it("holds what it promises and nothing else", () => {
    const installed = join(project, "node_modules", "medusa-pegasus")
    const files = readdirSync(installed)
      .filter((name) => name !== "node_modules")
      .sort()
    assert.deepEqual(files, [
      ".medusa",
      "CHANGELOG.md",
      "CONTEXT.md",
      "LICENSE",
      "README.md",
      "docs",
      "package.json",
    ])
    const version = execFileSync(join(project, "node_modules", ".bin", "pegasus"), ["--version"], {
      encoding: "utf8",
    })
    assert.match(version, /^\d+\.\d+\.\d+\n$/)
  })

  it("migrates, and answers from the cache", () => {
    medusa("db:migrate")
    assert.match(medusa("exec", "./src/scripts/ask.js"), /HIT/)
  })

  it("boots, and joins Redis", async () => {
    const port = await freePort()
    let said = ""
    store = spawn(
      process.execPath,
      [join(project, "node_modules/@medusajs/cli/cli.js"), "start", "--port", String(port)],
      { cwd: project, env, stdio: ["ignore", "pipe", "pipe"] },
    )
    for (const stream of [store.stdout, store.stderr]) {
      stream!.on("data", (chunk) => {
        said += chunk
      })
    }
    await until(
      "it is healthy",
      () =>
        fetch(`http://localhost:${port}/health`).then(
          ({ ok }) => ok,
          () => false,
        ),
      60_000,
    )
    await until("it says that Redis joined", () => said.includes("Redis joined"))
    assert.doesNotMatch(said, /"level":"error"|"level":"warn".*Pegasus/)
  })

  for (const [what, line, said] of [
    [
      "an unknown option",
      "withPegasus(store, { redis: 1 })",
      /unknown option \W*redis\W.*PEGASUS_OPTIONS_INVALID/,
    ],
    [
      "a malformed redisUrl",
      'withPegasus(store, { redisUrl: "localhost" })',
      /redisUrl\W+must look like.*PEGASUS_OPTIONS_INVALID/,
    ],
  ] as const) {
    it(`stops the boot for ${what}`, () => {
      assertBootStops(line, said)
    })
  }

  it("stops the boot for a Medusa without a Caching Module", () => {
    withMedusaVersion("2.10.3", () => assertBootStops(theLine, /2\.10\.3.*2\.11\.0.*PEGASUS_MEDUSA_TOO_OLD/))
  })

  it("boots with one warning on a Medusa newer than the tested ones", () => {
    withMedusaVersion("2.99.0", () => {
      const said = medusa("exec", "./src/scripts/ask.js")
      assert.match(said, /HIT/)
      assert.equal(said.split("tested up to Medusa").length - 1, 1, said)
    })
  })

  function assertBootStops(line: string, said: RegExp): void {
    writeFileSync(join(project, "medusa-config.js"), config(line))
    try {
      assert.throws(
        () => medusa("start", "--port", "1"),
        (error: { status: number; stdout: string; stderr: string }) =>
          error.status !== 0 && said.test(error.stdout + error.stderr),
      )
    } finally {
      writeFileSync(join(project, "medusa-config.js"), config(theLine))
    }
  }

  /** Changes only what Medusa says of itself. */
  function withMedusaVersion(version: string, work: () => void): void {
    const manifest = join(project, "node_modules/@medusajs/medusa/package.json")
    const before = join(project, "manifest.json")
    cpSync(manifest, before)
    const told = JSON.parse(readFileSync(manifest, "utf8"))
    writeFileSync(manifest, JSON.stringify({ ...told, version }))
    try {
      work()
    } finally {
      cpSync(before, manifest)
    }
  }
})
