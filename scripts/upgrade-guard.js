/**
 * `npm run upgrade-guard`: the suite on the newest minors of Medusa, each in a folder of its own; and every seam into Medusa
 * broken, one at a time. Takes a quarter of an hour a version.
 *
 *   npm run upgrade-guard -- --minors 3 --only store,lockstep
 *   npm run upgrade-guard -- --versions 2.19.0,2.20.1
 */
const { execFileSync, spawnSync } = require("node:child_process")
const fs = require("node:fs")
const os = require("node:os")
const path = require("node:path")
const { parseArgs } = require("node:util")

const root = path.resolve(__dirname, "..")
const { values } = parseArgs({
  options: {
    minors: { type: "string", default: "3" },
    versions: { type: "string" },
    /** Names in the paths of test files. */
    only: { type: "string", default: foldersOfTests().join() },
  },
})

function main() {
  const versions = values.versions?.split(",") ?? newestMinors(Number(values.minors))
  const place = fs.mkdtempSync(path.join(os.tmpdir(), "pegasus-upgrade-"))
  try {
    const outcomes = versions.map((version) => `${version}: ${tryOn(version, path.join(place, version))}`)
    process.stdout.write(`\n${outcomes.join("\n")}\n`)
    process.exitCode = outcomes.every((outcome) => outcome.endsWith("right")) ? 0 : 1
  } finally {
    fs.rmSync(place, { recursive: true, force: true })
  }
}

/** But for the one about the project itself, which names its own Medusa. */
function foldersOfTests() {
  const names = fs.readdirSync(path.join(root, "test"))
  return names.filter((name) => name !== "house").map((name) => `test/${name}/`)
}

/** The newest patch of each, oldest minor first. */
function newestMinors(count) {
  const view = execFileSync("npm", ["view", "@medusajs/medusa", "versions", "--json"], { encoding: "utf8" })
  const newest = new Map()
  for (const version of JSON.parse(view)) {
    const [, minor, patch] = /^(\d+\.\d+)\.(\d+)$/.exec(version) ?? []
    if (minor) newest.set(minor, Number(patch))
  }
  return [...newest].slice(-count).map(([minor, patch]) => `${minor}.${patch}`)
}

/** @returns a word for how it went */
function tryOn(version, folder) {
  process.stdout.write(`\nMedusa ${version}\n`)
  const files = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n")
  for (const file of files) {
    if (!fs.existsSync(path.join(root, file))) continue
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.copyFileSync(path.join(root, file), path.join(folder, file))
  }
  for (const name of ["package.json", path.join("demo", "package.json")])
    setVersion(path.join(folder, name), version)
  fs.rmSync(path.join(folder, "package-lock.json"))
  if (run(folder, "npm", ["install", "--no-audit", "--no-fund"]) !== 0) return "could not be installed"
  const failed = run(folder, process.execPath, ["scripts/test.js", ...values.only.split(",")], {
    PEGASUS_TEST_EACH_SEAM: "1",
  })
  return failed ? "wrong" : "right"
}

/** Of all of Medusa's packages. */
function setVersion(file, version) {
  const manifest = JSON.parse(fs.readFileSync(file, "utf8"))
  for (const kind of ["dependencies", "devDependencies"]) {
    for (const name of Object.keys(manifest[kind] ?? {})) {
      if (name.startsWith("@medusajs/")) manifest[kind][name] = version
    }
  }
  fs.writeFileSync(file, JSON.stringify(manifest, null, 2))
}

function run(cwd, command, args, env) {
  return spawnSync(command, args, { cwd, stdio: "inherit", env: { ...process.env, ...env } }).status
}

main()
