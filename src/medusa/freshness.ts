/**
 * Freshness in a store: what loads read is tracked on Medusa's shared database connection, and what anyone commits comes
 * by the feed of PostgreSQL.
 *
 * The seam: all modules share one knex (framework/dist/database/pg-connection-loader.js, 2.21.2), whose events
 * `query`, `query-response` and `query-error` are emitted in the asynchronous context of who asked
 * (knex/lib/execution/runner.js). When they do not come, nothing is tracked, and what is not tracked is not cached.
 */
import { randomUUID } from "node:crypto"
import { channel } from "node:diagnostics_channel"
import type { Logger } from "@medusajs/framework/types"
import { LRUCache } from "lru-cache"
import type { ClientConfig } from "pg"
import { copyOf, type Fence, isPlain, stableText } from "../engine"
import {
  type Feed,
  install,
  isHot,
  isOfOrder,
  isOfShopper,
  isPromotion,
  isStock,
  postgresFeed,
  withClient,
} from "../feed"
import { isSearch } from "../search"
import {
  type Change,
  type Committing,
  Course,
  type Given,
  loadParser,
  type Past,
  type Question,
  type Reading,
  type Reads,
  Repeats,
  type Request,
  type Response,
  type Send as SendAll,
  type Source,
  Tracker,
  tagsOfChanges,
  versioned,
} from "../tracking"
import { ownOf, type Pooled } from "./knex-client"
import type { FeedOptions } from "./options"
import { attributesFollow, forgetAttributes } from "./price-attributes"

/** The part of knex that is used. */
export interface Database {
  on(event: string, listener: (...given: never[]) => void): void
  listenerCount?(event: string): number
  raw(
    sql: string,
    values?: readonly unknown[],
  ): Promise<{ rows: Record<string, string>[]; rowCount?: number | null }>
  client: Pooled & {
    config: {
      connection: ClientConfig
      searchPath?: string | string[]
      pool?: { validate?: unknown }
    }
  }
}

interface Query {
  __knexQueryUid: string
  __knexTxId?: string
  sql: string
  bindings?: unknown[]
  response?: { rows?: unknown }
}

/** A statement that is about to be sent. */
export interface Asking {
  /** What is yet to be sent with it. */
  bindings: readonly unknown[]
  /** Rejects with what sending rejects with. */
  answer(send: SendAll): Promise<Response>
  /**
   * What is known, or was asked before and is on its way; undefined when it must be asked, which an answer turns out to be that failed.
   * Rejects with what the request before was refused with.
   */
  atHand(): Promise<Response | undefined> | undefined
}

/** What is kept of the answers to statements: see kept-statements.ts. */
export interface KeptStatements {
  /** Whether it was recalled the last time. */
  has(sql: string): boolean
  recall(question: Question): Response | undefined
  /** What `ask` gives. Rejects with what that rejects with. */
  keep(question: Question, ask: () => Promise<Response>): Promise<Response>
}

/** What a request is about, as far as it is known before it asks anything. */
export interface About {
  /** It begins with what was asked about this cart before, once that is proven. */
  cart?: string | undefined
  /** Requests of one kind ask much the same, of what they are given. */
  kind?: string | undefined
  given?: string | undefined
}

/** How a shopper's request begins. */
export interface Outset {
  /** What it asks, and has asked. */
  repeats: Repeats
  /** The place in the order of invalidations. */
  fence: Fence
  /** See `When`. */
  turn: number
  /** Milliseconds since 1970. */
  began: number
}

/** How many carts' statements are remembered, and how long, in milliseconds. */
const mostCarts = 500
const longestPast = 300_000
/** How many kinds of requests are watched. */
const mostKinds = 200

/** The first cart that is named in a text. */
export const cartIn = (text: string): string | undefined => /\bcart_[0-9A-Z]{26}\b/.exec(text)?.[0]
/** What is made of a cart: what is to be paid, and the order. */
export const madeOfCart = /\b(?:pay_col|order)_[0-9A-Z]{26}\b/

export interface FreshnessOptions {
  database: Database
  feed: FeedOptions
  logger: Logger
  invalidate(tags: string[]): void
  /** Something may have been missed: everything is unknown. */
  forgetAll(): void
  /** The place in the order of invalidations now. */
  capture(): Fence
}

/** What a loaded value depends on, and how it may be kept. */
export interface Kept {
  tags: readonly string[]
  /** Whether all its tables tell their changes. */
  isWhole: boolean
  /** How long it may be kept: milliseconds since 1970. */
  until: number
}

/** Told, with its key and the reason, of each value that was loaded and is not kept. */
const unkept = channel("pegasus:cache:unkept")
/** What is kept until someone clears it, or where nobody tells what changed. */
export const untracked: Kept = { tags: [], isWhole: false, until: Number.POSITIVE_INFINITY }

/** Of what reads tables that change at every sale. */
export const neverKept: Kept = { tags: [], isWhole: false, until: 0 }

/** The longest the start of a store waits for the feed, in milliseconds; it goes on without. */
const longestStart = 2_000
/** The longest an answer to a write waits for what it changed to be told here, in milliseconds. */
const longestSettling = 1_000

export class Freshness {
  private readonly tracker = new Tracker(() => this.feed.catalog)
  private readonly feed: Feed
  /** By cart. */
  private readonly past = new LRUCache<string, Past>({ max: mostCarts, ttl: longestPast })
  /** By what is made of them. */
  private readonly carts = new LRUCache<string, string>({ max: 2 * mostCarts, ttl: longestPast })
  /** By kind of request. */
  private readonly courses = new LRUCache<string, Course>({ max: mostKinds })
  /** Of when each began. */
  private readonly fences = new WeakMap<Request, Fence>()
  /** How a request sends statements before any of them is asked; undefined while connections are scarce. */
  sendAtOnce: () => SendAll | undefined = () => undefined
  /** Whether a table is of one of Medusa's own modules; until it is said, none is. */
  isMedusas: (table: string) => boolean = () => false
  /** Until it is said what keeps them, nothing does. */
  keptStatements: KeptStatements = { has: () => false, recall: () => undefined, keep: (_, ask) => ask() }

  /** Resolves when statements can be understood. */
  static async begin(options: FreshnessOptions): Promise<Freshness> {
    await loadParser()
    if (options.feed.install === "start") await installFeed(options.database, options.feed)
    const freshness = new Freshness(options)
    await freshness.feed.settled(longestStart)
    return freshness
  }

  private constructor(private readonly options: FreshnessOptions) {
    const { database, feed, invalidate, forgetAll } = options
    const follow = attributesFollow((changes) => invalidate(tagsOfChanges(changes)))
    this.feed = postgresFeed({
      ...placeOf(database, feed),
      onChanges: (changes: Change[]) => {
        follow(changes)
        invalidate(tagsOfChanges(changes))
      },
      onGap: () => {
        forgetAttributes()
        forgetAll()
      },
      onTrust: (trusted, cause) => this.report(trusted, cause),
    })
    this.listen(database)
  }

  /** Whether what `read` asks the database is heard here: what is not would be kept without knowing what it depends on. */
  hears(read: () => Promise<unknown>): Promise<boolean> {
    return this.within(async () => {
      const reading = this.begin("whether statements are heard")
      await read()
      await this.end(reading.key)
      return reading.tags.size + reading.untold.size > 0 || reading.opaque !== undefined
    })
  }

  /** For the cache: see its option `witness`. */
  trusted(now: number): boolean {
    return this.feed.trusted(now)
  }

  /** To be called before the first `await` of a `get` that a `set` may follow. */
  begin(key: string): Reading {
    return this.tracker.begin(key)
  }

  /** What a reading is for is loaded from now on: what was asked before must not be in it. */
  loads(reading: Reading): void {
    this.tracker.loads(reading)
  }

  /**
   * As `begin`, and captures. In a shopper's request it begins with that: what the request has asked before may be read, and what is made of
   * it must not be answered once anything of it has moved since the request began.
   */
  beginWithRequest(key: string): { reading: Reading; fence: Fence } {
    const request = this.tracker.recalling
    const fence = request && this.fences.get(request)
    return fence
      ? { fence, reading: this.tracker.begin(key, request) }
      : { fence: this.options.capture(), reading: this.tracker.begin(key) }
  }

  /** Whether what is read in this context may be what is kept. */
  get recalls(): boolean {
    return this.tracker.recalls
  }

  /** Whether something is being loaded in this context that is to be kept. */
  get isReading(): boolean {
    return this.tracker.isReading
  }

  /** What is known of a statement of a shopper's request; undefined when it must be asked as it is. */
  asking(sql: string, bindings: readonly unknown[]): Asking | undefined {
    const { repeats, reads, since, turn } = this.tracker
    if (!repeats || since === undefined) return undefined
    const key = bindings.length === 0 ? sql : `${sql}\n${stableText(bindings)}`
    const question = repeats.expected(key) ?? this.questionOf(sql, bindings, key, since > 0)
    if (!question) return undefined
    const { tables, proof, isRepeatable } = question
    const when = { turn, since }
    const isKept =
      since === 0 && question.isOfPromotions && this.tracker.recalls && repeats.moves.isUnmoved(tables)
    const noted = ({ response, versions }: Given) => {
      const isProven = proof !== undefined && versions !== undefined && since === 0
      const known = isProven ? { sql: proof, versions } : undefined
      reads?.asked(isRepeatable && since === 0 ? tables : undefined, known)
      return response
    }
    const ask = (send: SendAll) => repeats.answer(question, send, when).then(noted)
    const kept = () => {
      const found = isKept ? this.keptStatements.recall(question) : undefined
      if (found) repeats.noteAnswer(question, found, when)
      return found
    }
    const answer = async (send: SendAll) => {
      const found = kept()
      if (found) return found
      return isKept ? this.keptStatements.keep(question, () => ask(send)) : ask(send)
    }
    const atHand = () => {
      const found = kept()
      if (found) return Promise.resolve(found)
      return isKept ? undefined : repeats.atHand(question, when)?.then((given) => given && noted(given))
    }
    return { answer, atHand, bindings: question.isAlone ? bindings : [] }
  }

  /** As `asking` of a statement without parameters, when it is not asked for something that is to be kept. */
  atHand(sql: string): Promise<Response | undefined> | undefined {
    return this.tracker.isReading ? undefined : this.asking(sql, [])?.atHand()
  }

  /** What is asked is noted in the readings of this context, as what is sent is. */
  async noted(sql: string, ask: () => Promise<Response>): Promise<Response> {
    const issued = { id: randomUUID(), sql, bindings: [], transaction: undefined }
    this.tracker.issued(issued)
    try {
      const response = await ask()
      this.tracker.answeredBy(issued, response.rows)
      return response
    } catch (error) {
      this.tracker.failed(issued)
      throw error
    }
  }

  /** Whether it is sure that a statement only reads, and locks nothing. */
  reads(sql: string): boolean {
    return !sql.includes(";") && this.tracker.readOf(sql, []) !== undefined
  }

  /**
   * What is expected to be asked once a transaction of this request is committed. To be called when the commit is noted as sent.
   * @param on the connection
   * @param moves when it is called earlier: how many changes are yet to be noted until the commit is answered
   */
  committing(on: object, moves?: number): Committing | undefined {
    const { repeats, turn } = this.tracker
    return repeats?.committing(turn, on, moves)
  }

  /** @param isKept whether its answer is a part of something that is kept, which is told when it changes */
  private questionOf(
    sql: string,
    bindings: readonly unknown[],
    key: string,
    isKept = false,
  ): Question | undefined {
    // Several in one have several answers.
    const read = sql.includes(";") ? undefined : this.tracker.readOf(sql, bindings)
    if (!read) return undefined
    const { shape, plain, usesNow, tables, rows, needs, isVain } = read
    const { isTable } = this.feed.catalog
    const isAlone = plain === undefined || isSearch(sql)
    const asked = isAlone ? { key, sql } : { key: plain, sql: plain }
    const areOurs = tables.every(isTable)
    const byVersion = rows && !isAlone && !isKept && areOurs ? versioned(plain, rows) : undefined
    return {
      ...{ ...asked, shape, tables, needs, isVain, isAlone },
      text: byVersion?.sql ?? asked.sql,
      proof: byVersion?.proof,
      isRepeatable: !usesNow && areOurs && tables.every((table) => this.isRepeatable(table)),
      isOfPromotions:
        areOurs && !isAlone && tables.length > 0 && tables.every(isPromotion) && !showsUses(shape),
      mayBeAhead: areOurs && !isAlone && !tables.some(isStock),
    }
  }

  /** What a module of the store's own reads may be money. */
  private isRepeatable(table: string): boolean {
    const isTold = this.feed.catalog.tables.has(table)
    return this.isMedusas(table) && (isTold || isOfShopper(table) || isOfOrder(table))
  }

  /** A call that a request may repeat: see `Tracker`. */
  once<T>(keyOf: () => string | undefined, make: () => Promise<T>): Promise<T> {
    return this.tracker.once(keyOf, make, (value) => (isPlain(value) ? (copyOf(value) as T) : undefined))
  }

  /** What is read while something is made: see `Tracker`. */
  collect<T>(make: () => Promise<T>): Promise<{ value: T; reads: Reads }> {
    return this.tracker.collect(make)
  }

  /** A statement is sent of which nothing is known. */
  asked(): void {
    this.tracker.reads?.asked(undefined)
  }

  /** A statement of this request is sent, or was answered. @param on the connection */
  noteChange(sql: string, on: object): void {
    this.tracker.noteChange(sql, on)
  }

  /** This request made up an id: see `Moves`. */
  made(id: string): void {
    this.tracker.repeats?.moves.made(id)
  }

  /** Whether this request, a shopper's, made up an id. */
  hasMade(id: string): boolean {
    return this.tracker.repeats?.moves.hasMade(id) === true
  }

  /** What is known of a row of this request's own that a transaction asks for first: see `Answers`. With rows of the caller's own. */
  ownRow(sql: string): Response | undefined {
    const { repeats, since } = this.tracker
    const response = since === 0 ? repeats?.ownRow(sql) : undefined
    return response && ownOf(response)
  }

  /** Others may have written what this request has read. @param until the `moment` at which the last of them may have */
  forgetRepeats(until?: number): void {
    this.tracker.repeats?.forget(until)
  }

  /** Runs something whose readings end with it. */
  within<T>(run: () => T): T {
    return this.tracker.within(run)
  }

  /** Something was answered in this context of which it is not known what it depends on. */
  taint(reason: string): void {
    this.tracker.taint(reason)
  }

  /** A cached value was answered in this context, in the place of the reading if there was one. */
  answered(reading: Reading | undefined, found: { tags: readonly string[]; expiresAt: number }): void {
    this.tracker.answered(reading, found)
  }

  /**
   * Ends the reading of the key that is open in this context. To be called before the first `await` of a `set`.
   * @param stockTtl how long what shows stock may be kept, in milliseconds; by itself not at all
   * @returns undefined when what was loaded must not be kept; `neverKept` when that will be so the next time, too
   */
  end(key: string, stockTtl = 0): Promise<Kept | undefined> {
    const reading = this.tracker.end(key)
    const { isKnown, tables } = this.feed.catalog
    // Known, and nobody tells: Medusa's events must do.
    if (isKnown && tables.size === 0) return Promise.resolve(untracked)
    return this.dependenciesOf(reading, stockTtl)
  }

  /** Whether a write of this table does nothing but write its rows. */
  writesOnly(table: string): boolean {
    return this.tracker.writesOnly(table)
  }

  /** Whether the request of this context only shows something. */
  get isRead(): boolean {
    return this.tracker.isRead
  }

  /** Whether the request of this context changed anything. */
  get wrote(): boolean {
    return this.tracker.wrote
  }

  /** Resolves when what this request changed has been told here, so that the next read sees it. */
  async settle(request: { wrote: boolean } = this.tracker): Promise<void> {
    // While the feed is silent nothing older than two seconds is answered anyway.
    if (!request.wrote || !this.feed.trusted(Date.now())) return
    if (!(await this.settled())) this.options.forgetAll()
  }

  /** Resolves to true when everything committed before the call has been heard, to false when that is not known. */
  settled(): Promise<boolean> {
    return this.feed.settled(longestSettling)
  }

  /**
   * Runs a request, and afterwards knows whether it wrote.
   * @param recalls whether what it reads may be what is kept
   * @param early what was asked for it before
   */
  request<T>(recalls: boolean, run: (request: Request) => T, about: About = {}, early?: Outset): T {
    if (!recalls) return this.tracker.request(run)
    const outset = early ?? this.outsetOf(about)
    if (!early) this.askAtOnce(outset)
    const within = (request: Request) => {
      this.fences.set(request, outset.fence)
      return run(request)
    }
    return this.tracker.request(within, outset)
  }

  /**
   * Asks what a shopper's request asks first, before it runs.
   * @returns undefined when there is nothing to ask, or connections are scarce
   */
  setOut(about: About): Outset | undefined {
    const outset = this.outsetOf(about)
    return this.askAtOnce(outset) ? outset : undefined
  }

  /** Asks what is known to be asked now that the body of a request is there. @returns whether there was any */
  askMore(outset: Outset, { given = "" }: About): boolean {
    return outset.repeats.hear(given) && this.askAtOnce(outset)
  }

  /** Whether what was asked for one request serves another. */
  isOfSame(one: About, other: About): boolean {
    return one.kind === other.kind && this.cartOf(one) === this.cartOf(other)
  }

  private outsetOf(about: About): Outset {
    const { kind, given = "" } = about
    const past = this.past.get(this.cartOf(about) ?? "")
    const { turn } = this.tracker
    const journey =
      kind === undefined ? undefined : (this.courses.get(kind) ?? new Course()).begin(given, turn)
    const questionOf = (sql: string) => this.questionOf(sql, [], sql)
    const isKept = (sql: string) => this.keptStatements.has(sql)
    const repeats = new Repeats(past, journey, questionOf, isKept)
    return { repeats, fence: this.options.capture(), turn, began: Date.now() }
  }

  private askAtOnce({ repeats, turn }: Outset): boolean {
    const send = repeats.journey && this.sendAtOnce()
    return send !== undefined && repeats.askAtOnce(send, turn)
  }

  /**
   * Ends a shopper's request: what goes on, such as a subscriber, asks for itself.
   * @param isRight whether it went as it should: what is refused says nothing of its kind
   */
  answeredTo(request: Request, about: About, isRight = true): void {
    const { repeats } = request
    request.recalls = false
    request.repeats = undefined
    if (!repeats) return
    const { kind } = about
    const { journey } = repeats
    if (kind !== undefined && isRight && repeats.end()) this.courses.set(kind, journey!.course)
    const named = this.cartOf(about)
    const past = repeats.remembered()
    // Who made a cart did not name it.
    const cart = named ?? cartIn([...past.asked.keys()].join())
    if (cart === undefined) return
    for (const id of [...repeats.inserted.values()].flat()) if (madeOfCart.test(id)) this.carts.set(id, cart)
    this.past.set(cart, named === undefined ? repeats.remembered(this.past.get(cart)) : past)
  }

  private cartOf({ cart, given = "" }: About): string | undefined {
    return cart ?? this.carts.get(madeOfCart.exec(given)?.[0] ?? "")
  }

  /** From a statement that changed something to its being heard here, of the last thousand. Milliseconds. */
  lag() {
    const sorted = [...this.feed.lags()].sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
    return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) }
  }

  close(): Promise<void> {
    return this.feed.close()
  }

  private async dependenciesOf(reading: Reading | undefined, stockTtl: number): Promise<Kept | undefined> {
    if (!reading) return undefined
    const { key, tags, untold, dated, expiresAt, began } = reading
    const ofStock = stockTtl > 0 ? [...untold].filter(isStock) : []
    const others = [...untold].filter((table) => !ofStock.includes(table))
    const hot = others.find(isHot)
    if (hot !== undefined) reading.opaque ??= `${hot} changes at every sale`
    if (reading.opaque !== undefined) {
      if (unkept.hasSubscribers) unkept.publish({ key, reason: reading.opaque })
      return hot === undefined ? undefined : neverKept
    }
    try {
      const quiet = dated.size === 0 ? Number.POSITIVE_INFINITY : await this.feed.quietFor(dated, began)
      const longest = ofStock.length === 0 ? quiet : Math.min(quiet, began + stockTtl - Date.now())
      const until = Math.min(expiresAt, Date.now() + longest)
      return until > Date.now() ? { tags: [...tags], isWhole: others.length === 0, until } : undefined
    } catch {
      return undefined
    }
  }

  private listen(database: Database): void {
    const issuedOf = ({ __knexQueryUid: id, __knexTxId: transaction, sql, bindings }: Query) => ({
      id,
      sql,
      bindings,
      transaction,
    })
    database.on("query", (query: Query) => this.tracker.issued(issuedOf(query)))
    database.on("query-response", (_processed: unknown, query: Query) => {
      const rows = query.response?.rows
      const isByName = Array.isArray(rows) && !Array.isArray(rows[0])
      this.tracker.answeredBy(issuedOf(query), isByName ? rows : undefined)
    })
    database.on("query-error", (_error: unknown, query: Query) => this.tracker.failed(issuedOf(query)))
  }

  private report(trusted: boolean, cause: unknown): void {
    const { logger } = this.options
    if (!trusted) {
      const reason = cause instanceof Error ? ` (${cause.message})` : ""
      logger.warn(
        `Pegasus: the feed of PostgreSQL is silent${reason}; nothing older than two seconds is answered from the cache until it speaks.`,
      )
      return
    }
    logger.info("Pegasus: listening to what PostgreSQL commits.")
    this.warnOfUntold()
  }

  private warnOfUntold(): void {
    const { untold } = this.feed
    if (untold.length === 0) return
    const some = untold.slice(0, 5).join(", ")
    const tables = untold.length > 5 ? `${some} and ${untold.length - 5} more` : some
    this.options.logger.warn(
      `Pegasus: ${tables} do not tell their changes yet; Medusa's events serve for them, which miss raw SQL and more. Run "npx medusa db:migrate" or "npx pegasus feed install".`,
    )
  }
}

/** How often a promotion was used is asked for, as its budget is. */
const showsUses = ({ sources }: { sources: readonly Source[] }) =>
  sources.some(
    ({ table, star, whole, selected, used }) =>
      table === "promotion" && (star || whole || selected.has("used") || used.has("used")),
  )

/** Makes every table tell its changes. @returns how many tables did not yet. @throws what the database throws */
export function installFeed(database: Database, feed: FeedOptions): Promise<number> {
  const { connection, schema } = placeOf(database, feed)
  return withClient(connection, schema, install)
}

/** The connection on which changes are heard. @param connection the store's own */
export const listeningOn = (connection: ClientConfig, { databaseUrl }: FeedOptions): ClientConfig =>
  databaseUrl === undefined ? connection : { ...connection, connectionString: databaseUrl }

function placeOf(database: Database, feed: FeedOptions) {
  const { connection, searchPath } = database.client.config
  return {
    connection: listeningOn(connection, feed),
    schema: [searchPath].flat()[0],
  }
}
