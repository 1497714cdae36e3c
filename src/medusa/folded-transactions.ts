/**
 * A transaction asks only what it must wait for. `BEGIN` reads and writes nothing, and what an `insert` gives that returns nothing is known: they are
 * held back, and go in one message with what comes next, `COMMIT` at the latest. Each spares its own way to PostgreSQL and back. What ends before it
 * asked anything need neither begin nor end.
 *
 * An `insert` that is refused is heard of one statement later, in the same transaction, with the same error.
 *
 * The seam: `_query` of knex's client for transactions (knex/lib/execution/transaction.js, 3.2), and the `query` of a connection (pg/lib/client.js, 8)
 * while something is held back.
 */
import type { Database } from "./freshness"

interface Config {
  text: string
  values?: unknown[]
}

interface Query {
  sql: string
  bindings?: readonly unknown[]
  options?: object
  response?: object
}

type Ask = (...given: unknown[]) => unknown
type Answered = (error: unknown, response?: unknown) => void

interface Connection {
  query?: Ask
}

/** What is used of knex's client. */
interface Client {
  _query(connection: Connection, query: Query): unknown
  releaseConnection(connection: Connection): unknown
}

/** Longer inserts, and more of them, are not held back. */
const longestText = 20_000
const mostHeld = 50

/** @returns false when it is not as expected, and nothing was changed */
export function foldTransactions(database: Database): boolean {
  const { client } = database
  const prototype = Object.getPrototypeOf(client) as Client
  const { _query: send, releaseConnection: release } = prototype
  if (typeof send !== "function" || typeof release !== "function") return false
  /** Of those that began here. */
  const begun = new WeakMap<Connection, Held>()
  prototype._query = function (connection, query) {
    const isOfTransaction = (this as object) !== client
    if (isOfTransaction && query.sql === "BEGIN;" && !Object.hasOwn(connection, "query"))
      begun.set(connection, new Held(connection))
    const held = isOfTransaction ? begun.get(connection) : undefined
    const response = held?.hold(query)
    if (!response) return send.call(this, connection, query)
    query.response = response
    return Promise.resolve(query)
  }
  prototype.releaseConnection = function (connection) {
    begun.get(connection)?.drop()
    begun.delete(connection)
    return release.call(this, connection)
  }
  return true
}

/** What a transaction has said and PostgreSQL has not heard. */
class Held {
  private texts: string[] = []

  constructor(private readonly connection: Connection) {}

  /** @returns what it gives; undefined when it is not held back */
  hold({ sql, bindings, options }: Query): object | undefined {
    const isPlain = !bindings?.length && Object.keys(options ?? {}).length === 0
    const isBegin = sql === "BEGIN;"
    const rowCount = isPlain && !isBegin ? rowsOfInsert(sql) : null
    if (!isPlain || rowCount === undefined || this.texts.length >= mostHeld) return undefined
    this.texts.push(sql.replace(/;$/, ""))
    if (!Object.hasOwn(this.connection, "query")) this.wait()
    return answerTo(isBegin ? "BEGIN" : "INSERT", rowCount)
  }

  drop(): void {
    if (this.texts.length > 0) delete this.connection.query
    this.texts = []
  }

  /** Until something is asked that must be answered. */
  private wait(): void {
    const ask = this.connection.query!.bind(this.connection)
    this.connection.query = (...given) => {
      const { texts } = this
      this.drop()
      const [config, answered] = given
      if (given.length === 2 && isText(config) && typeof answered === "function") {
        return askWith(texts, config, ask, answered as Answered)
      }
      if (typeof answered !== "function") {
        ask(texts.join(";"), () => undefined)
        return ask(...given)
      }
      return askWith(texts.slice(0, -1), { text: texts.at(-1)! }, ask, (error: unknown) =>
        error ? answered(error) : ask(...given),
      )
    }
  }
}

/** What was held back, and then this. */
function askWith(texts: readonly string[], config: Config, ask: Ask, answered: Answered): unknown {
  const { text } = config
  const hasBegun = texts[0] !== "BEGIN"
  const isUndone = text.startsWith("ROLLBACK")
  // What is undone need not be done.
  if (isUndone && hasBegun) return ask(config, answered)
  if (!hasBegun && ends.test(text) && (isUndone || texts.length === 1)) {
    process.nextTick(answered, null, answerTo(text.replace(";", ""), null))
    return undefined
  }
  return ask({ ...config, text: [...texts, text].join(";") }, (error: unknown, responses?: unknown) => {
    const own = [responses ?? []].flat().slice(texts.length)
    if (!error) answered(null, own.length === 1 ? own[0] : own)
    else if (hasBegun) leaveBroken(text, error, ask, answered)
    else beginBroken(texts.slice(1), config, error, ask, answered)
  })
}

/**
 * What failed leaves its transaction begun and broken; but when PostgreSQL could not read the message, nothing has begun. Then it begins now, and
 * fails in it.
 */
function beginBroken(
  texts: readonly string[],
  config: Config,
  error: unknown,
  ask: Ask,
  answered: Answered,
): void {
  ask("BEGIN;", (broken: unknown) => {
    if (broken) leaveBroken(config.text, error, ask, answered)
    else
      ask({ ...config, text: [...texts, config.text].join(";") }, () =>
        leaveBroken(config.text, error, ask, answered),
      )
  })
}

/** Who wanted to end it hears that it failed, and does not undo it himself. */
function leaveBroken(text: string, error: unknown, ask: Ask, answered: Answered): void {
  const [, savepoint] = /^RELEASE SAVEPOINT (\w+)/.exec(text) ?? []
  if (savepoint) ask(`ROLLBACK TO SAVEPOINT ${savepoint}`, () => answered(error))
  else if (ends.test(text)) ask("ROLLBACK", () => answered(error))
  else answered(error)
}

/** As knex says it. */
const ends = /^(?:COMMIT;|ROLLBACK)$/

/** As MikroORM writes it. */
const insert = /^insert into "\w+" \("\w+"(?:, "\w+")*\) values \(/
/** What would make its answer another, if it is no value. */
const unforeseen = /\breturning\b|\bconflict\b|\bselect\b|;/i
/** What hides a parenthesis, and what nests. */
const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]/g

/** How many rows it inserts; undefined when it is not a plain insert that returns nothing. */
function rowsOfInsert(sql: string): number | undefined {
  if (sql.length > longestText || !insert.test(sql) || unforeseen.test(sql)) return undefined
  let depth = 0
  let lists = 0
  for (const [found] of sql.matchAll(token)) {
    if (found === "(" && depth++ === 0) lists++
    else if (found === ")") depth--
  }
  // The first is that of the columns.
  return depth === 0 && lists > 1 ? lists - 1 : undefined
}

const answerTo = (command: string, rowCount: number | null) => ({ command, rowCount, rows: [], fields: [] })

/** With which other statements may go in one message: without parameters, and read as knex reads them. */
const isText = (config: unknown): config is Config => {
  const { text, values, ...others } = config as Config
  return typeof text === "string" && !values?.length && Object.keys(others).length === 0
}
