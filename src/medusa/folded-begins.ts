/**
 * A transaction begins with the first statement it asks: `BEGIN` reads and writes nothing, so it goes in one message with what comes next, and
 * spares its own way to PostgreSQL and back; and what ends before it asked anything need neither begin nor end.
 *
 * The seam: the `query` of a connection (pg/lib/client.js, 8) from when knex sends `BEGIN;` on it for a transaction until something is asked, or the
 * connection is released (knex/lib/execution/transaction.js, 3.2: `begin`, `acquireConnection`).
 */
import type { Database } from "./freshness"

interface Config {
  text: string
  values?: unknown[]
}

type Answered = (error: unknown, response?: unknown) => void

interface Connection {
  query?(...given: unknown[]): unknown
}

type Ask = (...given: unknown[]) => unknown

/** What is used of knex's client. */
interface Client {
  _query(connection: Connection, query: { sql: string; response?: object }): unknown
  releaseConnection(connection: Connection): unknown
}

/** @returns false when it is not as expected, and nothing was changed */
export function foldBegins(database: Database): boolean {
  const { client } = database
  const prototype = Object.getPrototypeOf(client) as Client
  const { _query: send, releaseConnection: release } = prototype
  if (typeof send !== "function" || typeof release !== "function") return false
  const waiting = new WeakMap<Connection, Ask>()
  prototype._query = function (connection, query) {
    const isBegin = query.sql === "BEGIN;" && (this as object) !== client
    if (!isBegin || Object.hasOwn(connection, "query")) return send.call(this, connection, query)
    waiting.set(connection, beginWithNext(connection))
    query.response = answerTo("BEGIN")
    return Promise.resolve(query)
  }
  prototype.releaseConnection = function (connection) {
    if (Object.hasOwn(connection, "query") && waiting.get(connection) === connection.query)
      delete connection.query
    return release.call(this, connection)
  }
  return true
}

/** @returns what is asked instead of the connection, once */
function beginWithNext(connection: Connection): Ask {
  const ask: Ask = connection.query!.bind(connection)
  const askNext: Ask = (...given) => {
    delete connection.query
    const [config, answered] = given
    if (given.length !== 2 || !isText(config) || typeof answered !== "function") {
      ask("BEGIN;", () => undefined)
      return ask(...given)
    }
    if (/^(?:COMMIT;|ROLLBACK)$/.test(config.text)) {
      process.nextTick(answered as Answered, null, answerTo(config.text.replace(";", "")))
      return undefined
    }
    return ask({ ...config, text: `BEGIN;${config.text}` }, (error: unknown, responses: unknown[]) => {
      if (!error) (answered as Answered)(null, responses.length === 2 ? responses[1] : responses.slice(1))
      else failInside(ask, config, error, answered as Answered)
    })
  }
  connection.query = askNext
  return askNext
}

/**
 * A statement that failed leaves its transaction begun and broken; but when PostgreSQL could not read it, nothing has begun. Then it
 * begins now, and the statement fails in it.
 */
function failInside(ask: Ask, config: Config, error: unknown, answered: Answered): void {
  ask("BEGIN;", (broken: unknown) => (broken ? answered(error) : ask(config, answered)))
}

const answerTo = (command: string) => ({ command, rowCount: null, rows: [], fields: [] })

/** With which other statements may go in one message: without parameters, and read as knex reads them. */
const isText = (config: unknown): config is Config => {
  const { text, values, ...others } = config as Config
  return typeof text === "string" && !values?.length && Object.keys(others).length === 0
}
