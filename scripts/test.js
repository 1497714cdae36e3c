/**
 * `npm test`: formatter, linter, types, then every test file. With names, only the files whose path holds
 * one of them: `npm test -- engine`.
 */
const { spawnSync } = require("node:child_process")
const fs = require("node:fs")
const path = require("node:path")
const { prepare, buildDemo, root } = require("./setup")

const wanted = process.argv.slice(2)

async function main() {
  await prepare()
  await buildDemo()
  if (wanted.length === 0) {
    step("format and lint", bin("@biomejs/biome/bin/biome"), ["ci", "--error-on-warnings", "."])
    step("types", bin("typescript/bin/tsc"), ["-p", "tsconfig.check.json"])
  }
  const files = testFiles(path.join(root, "test"))
    .map((file) => path.relative(root, file))
    .filter((file) => wanted.length === 0 || wanted.some((name) => file.includes(name)))
  const light = files.filter(isLight)
  test("tests that need nothing but a process", light, 2)
  // One file at a time: several start stores, and this must pass on two cores.
  const heavy = files.filter((file) => !light.includes(file))
  test("tests with PostgreSQL, Redis, stores", heavy, 1)
}

function test(name, files, count) {
  if (files.length === 0) return
  const options = ["--require", "./scripts/typescript.js", "--test", `--test-concurrency=${count}`]
  step(name, process.execPath, [...options, "--test-reporter=spec", ...files])
}

/** By what it imports. */
function isLight(file) {
  const text = fs.readFileSync(path.join(root, file), "utf8")
  return !/(?:support|demo|freshness)\/|child_process|"\.\/(?:rush|run|ready|survey|experiment)"/.test(text)
}

function testFiles(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = path.join(folder, entry.name)
    if (entry.isDirectory()) return testFiles(place)
    return entry.name.endsWith(".test.ts") ? [place] : []
  })
}

function bin(file) {
  return path.join(root, "node_modules", file)
}

function step(name, command, args) {
  process.stdout.write(`\n${name}\n`)
  const isScript = command !== process.execPath
  const { status } = spawnSync(process.execPath, isScript ? [command, ...args] : args, {
    cwd: root,
    stdio: "inherit",
  })
  if (status !== 0) process.exit(status ?? 1)
}

main()
