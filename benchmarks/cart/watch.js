/**
 * Loaded before a store by run.js: between `begin` and `end` on its socket, V8's sampling profiler and every
 * statement given to `pg`.
 */
const { Session } = require("node:inspector")
const Module = require("node:module")
const net = require("node:net")

const place = process.env.PEGASUS_BENCH_SOCKET
if (place && process.argv.includes("start")) listen(place)

function listen(place) {
  const session = new Session()
  session.connect()
  const post = (method, params) =>
    new Promise((resolve, reject) => {
      session.post(method, params, (error, result) => (error ? reject(error) : resolve(result)))
    })
  let statements = []
  hearStatements((text) => statements.push(text))
  const ready = post("Profiler.enable").then(() => post("Profiler.setSamplingInterval", { interval: 250 }))
  const answers = {
    async begin() {
      await ready
      await post("Profiler.start")
      statements = []
      return {}
    },
    async end() {
      const heard = statements
      const { profile } = await post("Profiler.stop")
      return { statements: heard, profile }
    },
  }
  const server = net.createServer((socket) => {
    socket.once("data", async (word) => socket.end(JSON.stringify(await answers[word.toString()]())))
    socket.on("error", () => {})
  })
  server.listen(place).unref()
}

/** What is asked by name is heard as what was prepared under it. */
function hearStatements(hear) {
  const prepared = new Map()
  const hearOf = (text) => {
    const [, name, statement] = /^prepare ("[^"]+") as (.*)$/s.exec(text) ?? []
    if (name) prepared.set(name, statement)
    else if (!text.startsWith("deallocate"))
      hear(text.replace(/\bexecute ("[^"]+")/g, (whole, name) => prepared.get(name) ?? whole))
  }
  const load = Module._load
  const heard = new WeakSet()
  Module._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest)
    if (request !== "pg" || !loaded.Client || heard.has(loaded.Client)) return loaded
    heard.add(loaded.Client)
    const { query } = loaded.Client.prototype
    loaded.Client.prototype.query = function (asked, ...more) {
      const text = typeof asked === "string" ? asked : asked?.text
      if (typeof text === "string") hearOf(text)
      return query.call(this, asked, ...more)
    }
    return loaded
  }
}
