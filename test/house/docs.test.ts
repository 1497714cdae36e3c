/** Documents that could lie, held to the code. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, it } from "node:test"
import { errorCodes } from "../../src"
import { benchErrorCodes } from "../../src/bench"
import { doctorErrorCodes } from "../../src/doctor"
import { checkOptions } from "../../src/medusa/options"
import { newestTested } from "../../src/medusa/version"

const root = resolve(__dirname, "..", "..")
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8")
const firstColumn = (text: string) => [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!)

describe("the documents", () => {
  it("list every error code, and no other", () => {
    const documented = firstColumn(read("docs", "reference", "errors.md"))
    const codes = { ...errorCodes, ...benchErrorCodes, ...doctorErrorCodes }
    assert.deepEqual(documented.sort(), Object.keys(codes).sort())
  })

  it("list every option, and no other", () => {
    const documented = firstColumn(read("docs", "reference", "options.md"))
    let known: string[] = []
    try {
      checkOptions({ "": 1 })
    } catch (error) {
      known = /Known options: ([\w, ]+)\./.exec((error as Error).message)![1]!.split(", ")
    }
    assert.deepEqual([...new Set(documented.map((name) => name.split(".")[0]!))].sort(), known.sort())
  })

  it("name the Medusa that the suite runs against", () => {
    const { version } = JSON.parse(read("node_modules", "@medusajs", "medusa", "package.json"))
    assert.equal(newestTested, version)
    assert.match(read("README.md"), new RegExp(version.replaceAll(".", "\\.")))
  })

  it("show only scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json"))
    for (const document of ["README.md", "CONTRIBUTING.md"]) {
      for (const [, name] of read(document).matchAll(/npm run ([\w:-]+)/g)) {
        assert.ok(scripts[name!], `${document} names npm run ${name}`)
      }
    }
  })

  it("lock every package to a version, without a download address", () => {
    const lock = read("package-lock.json")
    assert.doesNotMatch(lock, /"resolved"/)
    const { packages } = JSON.parse(lock) as { packages: Record<string, { version?: string }> }
    assert.deepEqual(
      Object.keys(packages).filter((place) => !packages[place]!.version),
      [],
    )
  })
})
