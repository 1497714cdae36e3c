/**
 * `npm test`: formatter, linter, types, then every test file. With names, only the files whose path holds
 * one of them: `npm test -- engine`.
 */
const { spawn, spawnSync } = require("node:child_process")
const { once } = require("node:events")
const fs = require("node:fs")
const os = require("node:os")
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
  const waiting = files.filter((file) => file.includes("consumer"))
  const heavy = files.filter((file) => !light.includes(file) && !waiting.includes(file))
  const stores = heavy.filter(mayStartStores)
  test("tests that need nothing but a process", light, 2)
  test(
    "tests with PostgreSQL and Redis",
    heavy.filter((file) => !stores.includes(file)),
    2,
  )
  // One file at a time: several start stores, and this must pass on two cores. What installs packages mostly waits.
  const beside = testBeside("tests that install packages", waiting)
  test("tests with stores", stores, 1)
  await beside
}

function test(name, files, count) {
  if (files.length > 0) step(name, process.execPath, argumentsOf(files, count))
}

/** Beside what comes next, with what that leaves of the processor; what it says comes when it has ended. */
async function testBeside(name, files) {
  if (files.length === 0) return
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pegasus-test-"))
  const place = path.join(folder, "said")
  const said = fs.openSync(place, "w")
  const child = spawn(process.execPath, argumentsOf(files, 1), { cwd: root, stdio: ["ignore", said, said] })
  os.setPriority(child.pid, os.constants.priority.PRIORITY_LOW)
  fs.closeSync(said)
  process.on("exit", () => {
    child.kill()
    fs.rmSync(folder, { recursive: true })
  })
  const [status] = await once(child, "exit")
  process.stdout.write(`\n${name}\n${fs.readFileSync(place, "utf8")}`)
  if (status !== 0) process.exit(status ?? 1)
}

function argumentsOf(files, count) {
  const options = ["--require", "./scripts/typescript.js", "--test", `--test-concurrency=${count}`]
  return [...options, "--test-reporter=spec", ...files]
}

/** By what it imports. */
function isLight(file) {
  const text = fs.readFileSync(path.join(root, file), "utf8")
  return !/(?:support|demo|freshness)\/|child_process|"\.\/(?:rush|run|ready|survey|experiment)"/.test(text)
}

/** Parts of Medusa and what is told of statements are tested alone. */
const mayStartStores = (file) => !/^test\/(?:medusa|tracking)\//.test(file)

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
