/**
 * What a fresh clone needs before anything else runs: the packages of the lock file, and a build of the
 * plugin. Plain JavaScript on node's own modules, because nothing else is there yet.
 */
const { spawn } = require("node:child_process")
const { createHash } = require("node:crypto")
const fs = require("node:fs")
const path = require("node:path")
const { setTimeout: sleep } = require("node:timers/promises")

const root = path.resolve(__dirname, "..")
const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
const stamps = path.join(root, ".data", "setup")
const installedStamp = path.join(root, "node_modules", ".pegasus-installed")

/** Makes this process able to run the project's TypeScript. */
async function prepare() {
  await exclusively(async () => {
    await installPackages()
    await buildPlugin()
  })
  require("./typescript")
}

async function installPackages() {
  if (packagesAreInstalled()) return
  say("installing packages (npm ci); a minute or two")
  await run("npm", ["ci", "--no-audit", "--no-fund"])
  fs.writeFileSync(installedStamp, hashOf(["package-lock.json"]))
}

/** By our own mark, else by the lock file that npm keeps of what it really installed. */
function packagesAreInstalled() {
  if (readText(installedStamp) === hashOf(["package-lock.json"])) return true
  const wanted = JSON.parse(readText(path.join(root, "package-lock.json")))
  const text = readText(path.join(root, "node_modules", ".package-lock.json"))
  if (text === undefined) return false
  const installed = JSON.parse(text)
  return Object.entries(wanted.packages).every(([place, { version, optional }]) => {
    if (place === "" || optional) return true
    return installed.packages[place]?.version === version
  })
}

async function buildPlugin() {
  await onChange("plugin", ["src", "package.json", "tsconfig.json"], ".medusa/server/src/index.js", () => {
    say("building the plugin")
    return medusa(["plugin:build"], root)
  })
}

/** Builds the demo store; the caller has prepared the rest. */
async function buildDemo() {
  const demo = path.join(root, "demo")
  await exclusively(async () => {
    // The demo store finds the plugin as any store does, in node_modules.
    fs.mkdirSync(path.join(demo, "node_modules"), { recursive: true })
    const link = path.join(demo, "node_modules", "medusa-pegasus")
    if (!fs.existsSync(link)) fs.symlinkSync(path.join("..", ".."), link, "dir")
    const sources = ["demo/src", "demo/medusa-config.ts", "demo/package.json", "package-lock.json"]
    await onChange("demo", sources, "demo/.medusa/server/medusa-config.js", () => {
      say("building the demo store")
      return medusa(["build"], demo)
    })
  })
}

/** Runs `build` when one of the sources differs from the last time, or its result is not there. */
async function onChange(name, sources, result, build) {
  const stamp = path.join(stamps, name)
  const now = hashOf(sources)
  if (readText(stamp) === now && fs.existsSync(path.join(root, result))) return
  await build()
  fs.writeFileSync(stamp, now)
}

function hashOf(sources) {
  const hash = createHash("sha1")
  for (const source of sources) addTo(hash, path.join(root, source))
  return hash.digest("hex")
}

function addTo(hash, place) {
  if (fs.statSync(place).isDirectory()) {
    for (const name of fs.readdirSync(place).sort()) addTo(hash, path.join(place, name))
  } else {
    hash.update(path.relative(root, place)).update(fs.readFileSync(place))
  }
}

/** One set-up at a time, though several commands may start together. */
async function exclusively(work) {
  fs.mkdirSync(stamps, { recursive: true })
  const lock = path.join(stamps, "lock")
  for (;;) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: "wx" })
      break
    } catch (error) {
      if (error.code !== "EEXIST") throw error
      if (isHeld(lock)) await sleep(200)
      else fs.rmSync(lock, { force: true })
    }
  }
  const release = () => fs.rmSync(lock, { force: true })
  process.once("exit", release)
  try {
    await work()
  } finally {
    release()
    process.off("exit", release)
  }
}

/** By a process that lives, or by one that is just writing its number. */
function isHeld(lock) {
  try {
    const pid = Number(fs.readFileSync(lock, "utf8"))
    if (!pid) return Date.now() - fs.statSync(lock).mtimeMs < 5_000
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === "EPERM"
  }
}

function medusa(args, cwd) {
  const leash = path.join(root, "scripts", "leash.js")
  const cli = path.join(root, "node_modules", "@medusajs", "cli", "cli.js")
  return run(process.execPath, ["--require", leash, cli, ...args], {
    cwd,
    env: { ...process.env, MEDUSA_DISABLE_TELEMETRY: "1", DATABASE_URL: "postgres://build-only" },
  })
}

/** Quiet when it succeeds; everything it said when it fails. Ends with this process. */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options })
    const said = []
    let interrupted = false
    const interrupt = () => {
      interrupted = true
      child.kill("SIGTERM")
    }
    for (const signal of signals) process.on(signal, interrupt)
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said.push(chunk))
    child.on("error", (error) => said.push(`${error}\n`))
    child.on("close", (code) => {
      for (const signal of signals) process.off(signal, interrupt)
      if (interrupted) process.exit(130)
      if (code === 0) return resolve()
      process.stderr.write(said.join(""))
      say(`failed: ${command} ${args.join(" ")}`)
      process.exit(1)
    })
  })
}

function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined
}

function say(line) {
  process.stderr.write(`pegasus: ${line}\n`)
}

module.exports = { prepare, buildDemo, root }
