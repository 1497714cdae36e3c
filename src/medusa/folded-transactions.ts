/**
 * A transaction asks only what it must wait for. `BEGIN` reads and writes nothing, and what an `insert` gives that returns nothing is known, as is that of an `update`
 * of which nobody looks at it (flushed-updates.ts): they are held back, and go in one message with what comes next, `COMMIT` at the latest. Each spares its own way to PostgreSQL and back. What ends before it
 * asked anything need neither begin nor end. A row of the request's own, which it has made, committed and seen, is known (tracking/own-rows.ts).
 *
 * What is refused is heard of one statement later, at the commit at the latest, with the same error. And what has only read has nothing to commit: it
 * has ended for who asks it to, and holds its connection until PostgreSQL has heard of it.
 *
 * The seam: `_query` of knex's client for transactions (knex/lib/execution/transaction.js, 3.2), and the `query` of a connection (pg/lib/client.js, 8)
 * while something is held back.
 */
import { askedById, type Response, rowAmong } from "../tracking"
import { isFlushing } from "./flushed-updates"
import type { Database } from "./freshness"
import { JoinedLinks } from "./joined-links"
import { insert, joined, tableOf, update, wordsOf } from "./joined-writes"
import { type AfterCommit, inOneMessage, isUsual, ownOf, type Query } from "./knex-client"
import type { PreparedStatements } from "./prepared-statements"

interface Config {
  text: string
  values?: unknown[]
  afterCommit?: AfterCommit
}

type Ask = (...given: unknown[]) => unknown
type Answered = (error: unknown, response?: unknown) => void

interface Connection {
  query?: Ask
  /** What happened to it; by knex. */
  __knex__disposed?: unknown
  /** Of pg. */
  constructor: { Query?: new (config: Config, values: undefined, answered: Answered) => Sent }
}

/** What pg sends, and hears the answers of. */
interface Sent {
  handleCommandComplete(done: { text: string }, ...rest: unknown[]): void
}

/** What is used of knex's client. */
interface Client {
  config?: unknown
  _query(connection: Connection, query: Query): unknown
  releaseConnection(connection: Connection): unknown
}

/** How long a row that was just read is not read again. Milliseconds. */
const longestSinceRead = 50
const mostRead = 20
/** Longer inserts, and more of them, are not held back. */
const longestText = 200_000
const mostHeld = 50

/** What is known of statements. */
export interface Knowledge {
  /** Whether it is sure that one only reads, and locks nothing. */
  reads(sql: string): boolean
  /** What one of the store's database gives that need not be asked while the transaction has done nothing. */
  known(sql: string): Response | undefined
  /** Whether a write of this table of the store's database does nothing but write its rows. */
  mayJoin(table: string): boolean
  /** Those of the store's database. */
  prepared: Pick<PreparedStatements, "worded" | "isLost">
}

/** @returns false when it is not as expected, and nothing was changed */
export function foldTransactions(database: Database, knowledge: Knowledge): boolean {
  const { client } = database
  const prototype = Object.getPrototypeOf(client) as Client
  const { _query: send, releaseConnection: release } = prototype
  if (typeof send !== "function" || typeof release !== "function") return false
  const begun = new WeakMap<Connection, Transaction>()
  const links = new JoinedLinks(knowledge.mayJoin)
  prototype._query = function (connection, query) {
    const isOfTransaction = (this as object) !== client
    if (isOfTransaction && query.sql === "BEGIN;" && !Object.hasOwn(connection, "query")) {
      const isOfStore = this.config === client.config
      const { reads } = knowledge
      const known = isOfStore ? { ...knowledge, links } : { ...nothing, reads }
      begun.set(connection, new Transaction(connection, known))
    }
    const response = isOfTransaction ? begun.get(connection)?.hold(query) : undefined
    if (!response) return send.call(this, connection, query)
    query.response = response
    return Promise.resolve(query)
  }
  prototype.releaseConnection = function (connection) {
    const transaction = begun.get(connection)
    const letGo = () => {
      transaction?.end()
      begun.delete(connection)
      return release.call(this, connection)
    }
    if (!transaction?.ending) return letGo()
    void transaction.ending.then(letGo)
    return Promise.resolve()
  }
  return true
}

const nothing: Omit<Knowledge, "reads"> & { links: JoinedLinks } = {
  known: () => undefined,
  mayJoin: () => false,
  links: new JoinedLinks(() => false),
  prepared: { worded: (_, sql) => sql, isLost: () => false },
}

/** On its connection, until that is released. */
class Transaction {
  private readonly ask: Ask
  private isOver = false
  private idle: NodeJS.Immediate | undefined
  /** What it has said and PostgreSQL has not heard. */
  private held: string[] = []
  /** Why some of it was refused: what fails after it fails because of it. */
  private refused: unknown
  /** What waits until it is known that the transaction has begun. */
  private later: (() => unknown)[] | undefined
  /** How many statements are not answered. */
  private underWay = 0
  /** Whether nothing failed, as far as can be told. */
  private isSound = true
  private hasOnlyRead = true
  /** Whether it was committed with its only statement; what follows begins anew. */
  private isCommitted = false
  /** What it has read last, when it has asked nothing since. */
  private lastRead: { sql: string; response: Response; at: number } | undefined
  /** Until PostgreSQL has heard of the end of what has only read. */
  ending: Promise<void> | undefined

  constructor(
    private readonly connection: Connection,
    private readonly knowledge: Knowledge & { links: JoinedLinks },
  ) {
    this.ask = connection.query!.bind(connection)
    connection.query = (...given) => this.next(given)
  }

  /** The next who has the connection finds on it what was asked before, and nothing else. */
  end(): void {
    this.isOver = true
    this.take()
    this.resume()
    delete this.connection.query
  }

  /** @returns what it gives; undefined when it is not held back */
  hold({ sql, bindings, options }: Query): Query["response"] {
    if (this.isCommitted && !ends.test(sql)) this.beginAnew()
    const isPlain = !bindings?.length && isUsual({ options })
    const isBegin = sql === "BEGIN;"
    if (isBegin) this.recover()
    const isAlone = this.underWay === 0 && !this.later
    if (!isPlain || !this.isSound || !isAlone || this.held.length >= mostHeld) return undefined
    const hasDoneNothing = this.held.length === 1 && this.held[0] === "BEGIN"
    const known = hasDoneNothing ? this.knowledge.known(sql) : this.readAgain(sql)
    if (known) return known
    const answer = isBegin ? answerTo("BEGIN", null) : answerOf(sql)
    if (!answer) return undefined
    this.held.push(sql.replace(/;$/, ""))
    if (isBegin || this.lastRead?.sql.includes(`"${tableOf(sql)}"`)) this.lastRead = undefined
    this.hasOnlyRead &&= isBegin
    // Who goes on with something else holds what he has inserted.
    if (!isBegin) this.idle ??= setImmediate(() => this.tell())
    return answer
  }

  /** A row of what it has just read. PostgreSQL was asked nothing since that could have waited for others: it might as well have been asked for then. */
  private readAgain(sql: string): Response | undefined {
    const { lastRead } = this
    const asked = lastRead && Date.now() - lastRead.at <= longestSinceRead ? askedById(sql) : undefined
    const response = asked && rowAmong(asked, lastRead!.sql, lastRead!.response)
    // Once: it is the caller's own.
    if (response) this.lastRead = undefined
    return response
  }

  private refuse(error: unknown): void {
    this.isSound = false
    this.refused ??= error
  }

  private recover(): void {
    this.isSound = true
    this.refused = undefined
  }

  /** Something is asked that must be answered. */
  private next(given: unknown[]): unknown {
    if (this.later) return this.postpone(given)
    this.lastRead = undefined
    const [whole, answered] = given
    const { text, afterCommit } = whole as Config
    const config = afterCommit ? { text } : (whole as Config)
    if (this.isCommitted && ends.test(text) && typeof answered === "function") {
      this.isCommitted = false
      process.nextTick(answered, null, answerTo(text.replace(";", ""), null))
      return undefined
    }
    if (this.isCommitted) this.beginAnew()
    if (given.length !== 2 || typeof answered !== "function") {
      // Nobody tells what becomes of it.
      this.isSound = false
      return this.held.length > 0 ? this.tellFirst(given) : this.ask(...given)
    }
    if (this.held.length > 0 && !isText(config)) return this.tellFirst(given)
    const isCommit = text === "COMMIT;"
    const isDone = this.hasOnlyRead && this.isSound && this.underWay === 0 && this.held.length === 0
    if (isCommit && isDone && !afterCommit) return this.endAtOnce(answered as Answered)
    const isRead = this.knowledge.reads(text)
    this.hasOnlyRead &&= isCommit || isRead
    this.underWay++
    const heard: Answered = (error, response) => {
      this.underWay--
      const { rows = [] } = (response ?? {}) as Partial<Response>
      const isLast =
        isRead && this.underWay === 0 && isText(config) && rows.length > 0 && rows.length <= mostRead
      // With rows that nobody changes.
      if (isLast) this.lastRead = { sql: text, response: ownOf(response as Response), at: Date.now() }
      const reason = error && (this.refused ?? error)
      if (error) this.isSound = false
      else if (/^ROLLBACK TO\b/.test(text)) this.recover()
      answered(reason, response)
    }
    const held = this.take()
    const { Query } = this.connection.constructor
    const isAll = held.length === 1 && held[0] === "BEGIN"
    if (Query && afterCommit?.isAtOnce && isAll) return this.askAtOnce(text, heard, afterCommit)
    // PostgreSQL answers that it has undone the transaction, which nobody looks at; and who heard of the refusal did not ask what was refused.
    const isUndone = this.refused !== undefined && /^(?:COMMIT|RELEASE)\b/.test(text)
    if (isUndone) return this.leaveBroken(text, true, () => heard(this.refused))
    const after = Query && !afterCommit?.isAtOnce ? afterCommit : undefined
    return held.length > 0 || after ? this.askWith(held, config, heard, after) : this.ask(config, heard)
  }

  private beginAnew(): void {
    this.isCommitted = false
    this.held.push("BEGIN")
  }

  /** All that the transaction does, and its end. */
  private askAtOnce(text: string, answered: Answered, after: AfterCommit): void {
    this.later = []
    const inTurn = this.inTurn(answered)
    const commit = (given: unknown) => {
      this.isCommitted = true
      after.isDone = true
      inTurn(null, given)
    }
    const fail = (error: unknown) => this.leaveBroken(text, false, () => inTurn(error))
    if (after.texts.length === 0) {
      after.answers = []
      const heard: Answered = (error, given) => (error ? fail(error) : commit(given))
      this.knowledge.links.ask({ text, ask: this.ask, answered: heard })
      return
    }
    const done: string[] = []
    const whole = inOneMessage(["BEGIN", text, "COMMIT", ...after.texts])
    const query = this.query(whole, done, (error, responses) => {
      const [, given, , ...answers] = error ? [] : (responses as Response[])
      if (!error) after.answers = answers
      if (!error) commit(given)
      // What was asked after it failed.
      else if (done[2] === "COMMIT") {
        after.refused = error
        commit((query as { _results: unknown[] })._results[1])
      } else fail(error)
    })
  }

  private endAtOnce(answered: Answered): void {
    this.ending = new Promise((resolve) =>
      this.ask("COMMIT;", (error: unknown) => {
        // Nobody hears of it: the pool does not give such a connection to anybody else.
        if (error) this.connection.__knex__disposed = error
        resolve()
      }),
    )
    process.nextTick(answered, null, answerTo("COMMIT", null))
  }

  private take(): string[] {
    const { held } = this
    clearImmediate(this.idle)
    this.idle = undefined
    this.held = []
    return held
  }

  private tellFirst(given: unknown[]): unknown {
    this.tell()
    return this.postpone(given)
  }

  /** What was held back, alone. */
  private tell(): void {
    const held = joined(this.take(), this.knowledge.mayJoin)
    const texts = held[0] === "BEGIN" ? ["BEGIN", inOneMessage(held.slice(1))] : [inOneMessage(held)]
    const tellNext = (error?: unknown) => {
      const text = error || this.isOver ? undefined : texts.shift()
      if (text) return this.ask(text, tellNext)
      if (error) this.refuse(error)
      return this.resume()
    }
    this.later = []
    tellNext()
  }

  /** What was held back, then this, and then what is asked after a commit. Once that is done, nothing that fails after it matters. */
  private askWith(
    held: readonly string[],
    config: Config,
    answered: Answered,
    after: AfterCommit | undefined,
  ): unknown {
    const { ask } = this
    const { text } = config
    const hasBegun = held[0] !== "BEGIN"
    const isUndone = text.startsWith("ROLLBACK")
    // What is undone need not be done.
    if (isUndone && hasBegun) return ask(config, answered)
    if (!hasBegun && ends.test(text) && (isUndone || held.length === 1)) {
      process.nextTick(answered, null, answerTo(text.replace(";", ""), null))
      return undefined
    }
    if (!hasBegun) this.later ??= []
    const inTurn = this.inTurn(answered)
    const { prepared, reads, mayJoin } = this.knowledge
    const { connection } = this
    const worded = !hasBegun && !after && reads(text) ? prepared.worded(connection, text) : text
    const texts = joined([...held, after ? "COMMIT" : worded], mayJoin)
    const before = texts.length - 1
    const done: string[] = []
    const heard: Answered = (error, responses) => {
      const own = [responses ?? []].flat().slice(before)
      if (!error && after) after.answers = own.splice(1) as Response[]
      if (!error) inTurn(null, own.length === 1 ? own[0] : own)
      else if (after && done[before] === "COMMIT") {
        after.refused = error
        inTurn(null, answerTo("COMMIT", null))
      } else if (worded !== text && prepared.isLost(error, connection, [worded])) {
        // Nothing is done yet: it begins anew.
        ask("ROLLBACK", () => (this.isOver ? inTurn(error) : this.askWith(held, config, answered, after)))
      } else {
        if (held.some((one) => one !== "BEGIN" && !setting.test(one))) this.refuse(error)
        this.leaveBroken(text, hasBegun, () => this.fail(text, error, inTurn))
      }
    }
    if (after) return this.query(inOneMessage([...texts, ...after.texts]), done, heard)
    return ask({ ...config, text: inOneMessage(texts) }, heard)
  }

  /** A message, of which it is told how far it came. */
  private query(text: string, done: string[], answered: Answered): unknown {
    const query = new this.connection.constructor.Query!({ text }, undefined, answered)
    const { handleCommandComplete } = query
    query.handleCommandComplete = function (one, ...rest) {
      done.push(one.text)
      return handleCommandComplete.call(this, one, ...rest)
    }
    return this.ask(query)
  }

  private fail(text: string, error: unknown, answered: Answered): void {
    if (!text.startsWith("SAVEPOINT")) {
      answered(error)
      return
    }
    // knex takes no error for a savepoint: it is heard of by who asks next.
    this.refuse(error)
    answered(null, answerTo("SAVEPOINT", null))
  }

  /**
   * What failed leaves its transaction begun and broken; but when PostgreSQL could not read the message, nothing has begun. Then it begins now, and
   * is broken. Who wanted to end it hears that it failed, and does not undo it himself.
   */
  private leaveBroken(text: string, hasBegun: boolean, then: () => void): void {
    const { ask } = this
    const [, savepoint] = /^RELEASE SAVEPOINT (\w+)/.exec(text) ?? []
    if (this.isOver) then()
    else if (ends.test(text)) ask("ROLLBACK", then)
    else if (savepoint) {
      ask(`ROLLBACK TO SAVEPOINT ${savepoint}`, () => {
        then()
        this.recover()
      })
    } else if (hasBegun) then()
    else
      ask("BEGIN", (broken: unknown) => (broken || this.isOver ? then() : ask("select 1 / 0", () => then())))
  }

  /** Who had to wait goes on when this one has heard. */
  private inTurn(answered: Answered): Answered {
    return (error, response) => {
      answered(error, response)
      this.resume()
    }
  }

  private resume(): void {
    const { later = [] } = this
    this.later = undefined
    for (const act of later) act()
  }

  /** What several ask at once of a transaction that may not have begun would be outside it. */
  private postpone(given: unknown[]): unknown {
    const [config, answered] = given
    const isObject = typeof (config as { submit?: unknown }).submit === "function"
    if (isObject || typeof answered === "function") {
      this.later!.push(() => this.next(given))
      return isObject ? config : undefined
    }
    return new Promise((resolve) => this.later!.push(() => resolve(this.next(given))))
  }
}

/** As knex says it. */
const ends = /^(?:COMMIT;|ROLLBACK)$/

/** What would make its answer another, outside of values and names. */
const unforeseen = /\breturning\b|\bconflict\b|\bselect\b|;|--|\/\*/i

/** How long others are waited for; what Medusa sets when a promotion is used (promotion/dist/services/promotion-module.js:168, 2.21.2). */
const setting = /^SET LOCAL lock_timeout = '\d+m?s'$/

/** Undefined when it is not known before it is given. */
function answerOf(sql: string): Query["response"] {
  if (setting.test(sql)) return answerTo("SET", null)
  const isInsert = insert.test(sql)
  const isUpdate = !isInsert && update.test(sql) && isFlushing()
  if ((!isInsert && !isUpdate) || sql.length > longestText) return undefined
  const words = wordsOf(sql)
  if (unforeseen.test(words)) return undefined
  if (isUpdate) return answerTo("UPDATE", 1)
  const rows = rowsOfInsert(words)
  return rows === undefined ? undefined : answerTo("INSERT", rows)
}

/** Undefined when they cannot be counted. */
function rowsOfInsert(words: string): number | undefined {
  let depth = 0
  let lists = 0
  for (const [found] of words.matchAll(/[()]/g)) {
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
