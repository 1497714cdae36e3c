/**
 * The public suite for HTTP caches (https://github.com/http-tests/cache-tests) against the front, in the place of a reverse proxy.
 *
 *   npm run conformance [-- --id cc-resp-no-store]
 *
 * Fails when a test fails that is not in `exceptions.js`, and when one that is there passes. What the suite itself calls optional, or a
 * check, and what depends on something that failed ("without ground"), is counted and not judged.
 */
const { execFileSync } = require("node:child_process")
const { existsSync } = require("node:fs")
const { createServer } = require("node:http")
const path = require("node:path")
const { parseArgs } = require("node:util")
const { prepare } = require("../../scripts/setup")
const { reasonOf } = require("./exceptions")

const { values: options } = parseArgs({ options: { id: { type: "string" } } })

async function main() {
  await prepare()
  install()
  const suite = await load()
  const server = serve(suite)
  const tests = suite.groups
    .flatMap(({ tests }) => tests)
    .filter(({ id, browser_only }) => !browser_only && (options.id === undefined || id === options.id))
  if (tests.length === 0) throw new Error(`No test is called ${options.id}.`)
  for (const test of tests) test.dump = options.id !== undefined
  const base = `http://127.0.0.1:${server.address().port}`
  await suite.runTests([{ tests }], suite.fetch, false, base)
  const unexpected = judge(tests, suite.getResults())
  server.close()
  server.closeAllConnections()
  if (unexpected > 0) process.exitCode = 1
}

function install() {
  if (existsSync(path.join(__dirname, "node_modules"))) return
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: __dirname,
    stdio: "inherit",
  })
}

async function load() {
  const { runTests, getResults } = await import("http-cache-tests/client/runner.mjs")
  const { default: groups } = await import("http-cache-tests/tests/index.mjs")
  const { default: handleTest } = await import("http-cache-tests/server/handle-test.mjs")
  const { default: handleConfig } = await import("http-cache-tests/server/handle-config.mjs")
  const { default: handleState } = await import("http-cache-tests/server/handle-state.mjs")
  const { skipResponseHeaders } = await import("http-cache-tests/lib/defines.mjs")
  // The front says in every answer by what it is named.
  skipResponseHeaders.add("vary")
  return { runTests, getResults, groups, handleTest, handleConfig, handleState, fetch: require("node-fetch") }
}

/** The suite's origin, and the front before what it tests. */
function serve({ handleTest, handleConfig, handleState }) {
  const { createCache } = require("../../src/engine/index.ts")
  const { policiesOf, RenderingFront } = require("../../src/http/index.ts")
  const front = new RenderingFront({
    cache: createCache({ prefix: "conformance", memory: { maxBytes: 100_000_000 } }),
    policies: policiesOf([{ matcher: "/test/:id" }]),
    honorsNoCache: true,
    track: async (_key, run) => ({ value: await run(), read: { tags: [], until: Number.POSITIVE_INFINITY } }),
    crossOrigin: () => [],
    nameOf: (tag) => tag,
  })
  return createServer((req, res) => {
    const [, kind, ...rest] = new URL(req.url, "http://suite").pathname.split("/")
    // The origin copies all headers to tell them to the suite; it makes nothing of them but what its Vary says.
    const { method, url } = req
    const asked = { method, url, headers: { ...req.headers } }
    if (kind === "config") handleConfig(rest, req, res)
    else if (kind === "state") handleState(rest, req, res)
    else front.handle(req, res, () => handleTest(rest, asked, res))
  }).listen(0)
}

/** @returns how many results are not as expected */
function judge(tests, results) {
  const counts = {}
  let unexpected = 0
  for (const { id, kind = "required", depends_on: needs = [] } of tests) {
    const result = results[id]
    const passed = result === true
    const lacks = needs.find((need) => need in results && results[need] !== true)
    const outcome = lacks ? "without ground" : passed ? "passed" : "failed"
    counts[`${kind} ${outcome}`] = (counts[`${kind} ${outcome}`] ?? 0) + 1
    if (kind !== "required" || lacks) continue
    const reason = reasonOf(id)
    if (passed === (reason === undefined)) continue
    unexpected++
    console.log(passed ? `${id}: passes, and is an exception: ${reason}` : `${id}: ${result.join(": ")}`)
  }
  console.log(
    Object.entries(counts)
      .map(([what, count]) => `${what} ${count}`)
      .join(", "),
  )
  return unexpected
}

main().then(
  () => process.exit(),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
