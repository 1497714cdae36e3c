/**
 * Loaded before a store (`node --require`): tells who started it what each request with the header asked the database,
 * and where in the source. V8 follows a stack back through every `await`, from the driver to the route.
 *
 * The seams: `http.Server`'s "request", and `Client.prototype.query` of `pg` (8.x), whoever loads it. Medusa is not touched.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { Server } from "node:http"
import Module from "node:module"
import type { Asked } from "./group"
import { header } from "./header"

const deepest = 200

const current = new AsyncLocalStorage<Asked[]>()
const watched = new WeakSet<object>()

/* biome-ignore lint/suspicious/noExplicitAny: functions of others, passed through as they are */
type Any = any

Error.stackTraceLimit = deepest

const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): Any }
const load = loader._load
loader._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest)
  if (request === "pg" && loaded?.Client && !watched.has(loaded.Client)) {
    watched.add(loaded.Client)
    watch(loaded.Client.prototype)
  }
  return loaded
}

function watch(prototype: { query(this: unknown, ...args: Any[]): Any }): void {
  const query = prototype.query
  prototype.query = function (...args) {
    const asked = current.getStore()
    const text = typeof args[0] === "string" ? args[0] : args[0]?.text
    if (!asked || typeof text !== "string") return query.apply(this, args)
    const one: Asked = { text, stack: new Error().stack ?? "", duration: 0 }
    asked.push(one)
    const started = performance.now()
    const done = () => {
      one.duration = performance.now() - started
    }
    const callback = args.at(-1)
    if (typeof callback === "function") {
      args[args.length - 1] = function (this: unknown, ...answer: unknown[]) {
        done()
        return callback.apply(this, answer)
      }
      return query.apply(this, args)
    }
    const answer = query.apply(this, args)
    answer?.then?.(done, done)
    return answer
  }
}

const emit = Server.prototype.emit
Server.prototype.emit = function (this: Server, event: string, ...args: Any[]): boolean {
  const go = () => emit.apply(this, [event, ...args] as Parameters<typeof emit>)
  if (event !== "request" || !args[0].headers[header]) return go()
  const asked: Asked[] = []
  args[1].on("close", () => process.send?.({ trace: asked }))
  return current.run(asked, go)
} as typeof emit
