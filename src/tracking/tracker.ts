/**
 * Who reads what. A reading is open from the miss of an entry to its `set`; every statement that is issued in
 * between, in the same asynchronous context, is noted in it and in the readings around it.
 *
 * What must hold: a reading that is closed for storing has noted everything its value came from. A statement whose
 * outcome is not known when it is closed, one that was not understood, one that writes, and one in a transaction
 * that began earlier (it may see an older state) make it opaque, and its value is not stored.
 */
import { LRUCache } from "lru-cache"
import { Reads } from "./calls"
import { Carried } from "./carried"
import { type Catalog, noteRead, type Read } from "./dependencies"
import type { Repeats } from "./repeats"
import type { Shares } from "./shares"
import { plainly, skeletonOf } from "./skeleton"
import { isNever, parseStatement, type Statement } from "./statement"

/** A statement that a driver reports, before and after. */
export interface Issued {
  /** The same in both reports. */
  id: string
  sql: string
  bindings?: readonly unknown[] | undefined
  /** The transaction it is part of. */
  transaction?: string | undefined
}

/** How many skeletons of statements are remembered. */
const mostStatements = 2_000
const mostLatest = 30
/** A reading that was never ended was that of a load that failed. Milliseconds. */
const longestReading = 60_000
/** What begins, ends or reads: everything else is taken for a write. */
const harmless = /^\s*(?:select|begin|start|commit|rollback|savepoint|release|set|show|values)\b/i

const beginsTransaction = /^\s*(?:begin|start)\b/i
const endsTransaction = /^\s*(?:commit|release|rollback)\b/i

/** The table of a plain write, and of nothing else: with what is selected others may be written to. */
const written =
  /^\s*(?:insert\s+into|update|delete\s+from)\s+(?:"?\w+"?\.)?(?:"([^"']+)"|(\w+))\s*(?:(?:\([\w\s",]*\)\s*)?values\b|(?:as\s+"?\w+"?\s+)?set\b|where\b|$)/i
/** Where the end of a statement may hide. */
const hides = /--|\/\*|\$\w*\$|\be'/i

export class Reading implements Read {
  readonly tags = new Set<string>()
  readonly untold = new Set<string>()
  readonly dated = new Set<string>()
  opaque: string | undefined
  readonly transactions = new Set<string>()
  waiting = 0
  isOpen = true
  /** Whether it proves something that was cached: nothing cached may have a part in it. */
  isProof = false
  /** When it loads several rows that are to be kept one by one. */
  shares: Shares | undefined
  /** When something that it was built on expires, in milliseconds since 1970. */
  expiresAt = Number.POSITIVE_INFINITY

  /**
   * @param turn what was asked before it must not be in it
   * @param began milliseconds since 1970
   */
  constructor(
    readonly key: string,
    readonly around: Reading | undefined,
    public turn: number,
    readonly began = Date.now(),
  ) {}

  get isAlive(): boolean {
    return this.isOpen && Date.now() - this.began < longestReading
  }
}

/** A request to the store. */
export interface Request {
  /** Whether it only shows something. */
  isRead: boolean
  /** Whether it changed anything that is told. */
  wrote: boolean
  /** Whether what it reads of the catalogue may be what is kept, until it writes. */
  recalls: boolean
  /** Where it recalls: what it asked before. */
  repeats: Repeats | undefined
  /** When it began: see `Tracker`, and milliseconds since 1970. */
  readonly turn: number
  readonly began: number
}

/** A statement, and the values in it. */
interface Understood {
  statement: Statement
  values: readonly unknown[][]
  /** See `plainly`; once it was asked for. */
  plain?: string | undefined
}

interface Context {
  reading?: Reading | undefined
  request?: Request | undefined
  /** Of the call that is being made, when it may be remembered. */
  reads?: Reads | undefined
}

export class Tracker {
  private readonly context = new Carried<Context>()
  private readonly statements = new LRUCache<string, Statement>({ max: mostStatements })
  /** Each is looked at several times: when it is asked, sent and answered. */
  private readonly latest = new LRUCache<string, Understood>({ max: mostLatest })
  private readonly underWay = new Map<string, Reading[]>()
  /** The catalog by which the statements were understood. */
  private understoodBy: Catalog | undefined
  /** Moves on with each reading that begins. */
  turn = 1

  constructor(private readonly catalog: () => Catalog) {}

  /**
   * Opens a reading for the asynchronous context of the caller. To be called before the first `await` of what the
   * caller awaits, so that what comes after that is in it.
   * @param request that it begins with, and what this asked before it was opened may be read
   */
  begin(key: string, request?: Request): Reading {
    const around = alive(this.context.value?.reading)
    const reading = request
      ? new Reading(key, around, request.turn, request.began)
      : new Reading(key, around, ++this.turn)
    this.context.enter({ ...this.context.value, reading })
    return reading
  }

  /** What a reading is for is loaded from now on: what was asked before must not be in it. */
  loads(reading: Reading): void {
    reading.turn = ++this.turn
  }

  /** The shopper's request of this context. */
  get recalling(): Request | undefined {
    const request = this.context.value?.request
    return request?.repeats ? request : undefined
  }

  /**
   * Whether what is read in this context may be what is kept: in a request that recalls, or while something is loaded that is
   * to be kept; but not to prove what was kept, and not in a request that wrote, which reads what it wrote.
   */
  get recalls(): boolean {
    const { reading, request } = this.context.value ?? {}
    if (request?.wrote) return false
    const readings = [...aliveFrom(reading)]
    return (readings.length > 0 || request?.recalls === true) && !readings.some(({ isProof }) => isProof)
  }

  /** Whether something is being loaded in this context that is to be kept, or to prove what was. */
  get isReading(): boolean {
    return alive(this.context.value?.reading) !== undefined
  }

  /**
   * Since which turn what is read in this context may have been asked: what is kept must have been read after its reading began. 0 when nothing
   * is to be kept; undefined when it proves something, for which it is always asked.
   */
  get since(): number | undefined {
    const readings = [...aliveFrom(this.context.value?.reading)]
    if (readings.some(({ isProof }) => isProof)) return undefined
    return Math.max(0, ...readings.map(({ turn }) => turn))
  }

  /** Whether the request of this context only shows something. */
  get isRead(): boolean {
    return this.context.value?.request?.isRead === true
  }

  /** Whether the request of this context changed anything that is told. */
  get wrote(): boolean {
    return this.context.value?.request?.wrote === true
  }

  /** Runs something whose readings end with it. */
  within<T>(run: () => T): T {
    return this.context.run({ ...this.context.value }, run)
  }

  /** Closes the reading of this key that is open in this context, for storing what was loaded. */
  end(key: string): Reading | undefined {
    const reading = [...aliveFrom(this.context.value?.reading)].find((one) => one.key === key)
    if (!reading) return undefined
    reading.isOpen = false
    if (reading.waiting > 0) reading.opaque ??= "a statement is still under way"
    if (this.context.value?.reading === reading) {
      this.context.enter({ ...this.context.value, reading: alive(reading.around) })
    }
    return reading
  }

  /** A cached value was answered: what is being read in this context depends on what it depends on. */
  answered(
    reading: Reading | undefined,
    { tags, expiresAt }: { tags: readonly string[]; expiresAt: number },
  ): void {
    if (reading) reading.isOpen = false
    this.context.value?.reads?.recalled({ tags, expiresAt })
    for (const around of aliveFrom(reading ? reading.around : this.context.value?.reading)) {
      for (const tag of tags) around.tags.add(tag)
      around.shares?.giveUp()
      around.expiresAt = Math.min(around.expiresAt, expiresAt)
    }
  }

  /** Something was answered in this context of which it is not known what it depends on. */
  taint(reason: string): void {
    for (const reading of aliveFrom(this.context.value?.reading)) reading.opaque ??= reason
  }

  /**
   * Runs a request; afterwards `wrote` says whether it changed anything in the database.
   * @param begun where what it asks is remembered, if it recalls, and since when: a turn, and milliseconds since 1970
   */
  request<T>(
    run: (request: Request) => T,
    begun: { repeats?: Repeats; turn?: number; began?: number } = {},
  ): T {
    const { repeats, turn = this.turn, began = Date.now() } = begun
    const recalls = repeats !== undefined
    const request = { isRead: false, wrote: false, recalls, repeats, turn, began }
    return this.context.run({ ...this.context.value, request }, () => run(request))
  }

  /** What this request asked before, if it recalls. */
  get repeats(): Repeats | undefined {
    return this.context.value?.request?.repeats
  }

  /**
   * A call that a request may repeat: what it gave before, if nothing that it reads was written meanwhile. What is loaded to be kept is
   * not asked for in this way.
   * @param keyOf undefined for a call that cannot be named
   * @param copy undefined for what cannot be remembered
   */
  once<T>(
    keyOf: () => string | undefined,
    make: () => Promise<T>,
    copy: (value: T) => T | undefined,
  ): Promise<T> {
    const context = this.context.value
    const repeats = context?.request?.repeats
    const key = repeats && !this.isReading ? keyOf() : undefined
    if (!repeats || key === undefined) return make()
    const reads = new Reads(context.reads)
    const within = () => this.context.run({ ...context, reads }, make)
    return repeats.calls.once(key, { reads, around: context.reads }, within, copy)
  }

  /** What is read while something is made. */
  async collect<T>(make: () => Promise<T>): Promise<{ value: T; reads: Reads }> {
    const context = this.context.value
    const reads = new Reads(context?.reads)
    return { value: await this.context.run({ ...context, reads }, make), reads }
  }

  /** Of what is being made in this context. */
  get reads(): Reads | undefined {
    return this.context.value?.reads
  }

  /** A statement of this request is sent, or was answered: what it may change must be asked again. @param on the connection */
  noteChange(sql: string, on: object): void {
    const { repeats } = this
    if (!repeats) return
    if (beginsTransaction.test(sql)) repeats.moves.begin(on)
    if (endsTransaction.test(sql)) repeats.commit(on)
    const change = changeOf(sql)
    if (!change) {
      // A function may write, and a lock may have been waited for.
      const { kind } = this.statementOf(sql).statement
      if (kind === "opaque" || kind === "write") repeats.write(sql, undefined, on)
      return
    }
    const { table } = change
    // What is deleted may take other rows along.
    const isAlone = table !== undefined && !/^\s*delete\b/i.test(sql) && this.writesOnly(table)
    repeats.write(sql, isAlone ? table : undefined, on)
  }

  /** Whether a write of this table does nothing but write its rows: it is no view, say, and has no triggers but ours. */
  writesOnly(table: string): boolean {
    const { isTable, spreads } = this.catalog()
    return isTable(table) && !spreads(table)
  }

  /**
   * The tables that a statement reads, of which of them a row of its result is made, what each must be found by (see `Key`), and whether it can give nothing;
   * undefined when it is not sure that it only reads them. Statements that differ in their values alone are of one shape.
   */
  readOf(sql: string, bindings: readonly unknown[] | undefined) {
    const understood = this.statementOf(sql, bindings)
    const { statement, values } = understood
    if (statement.kind !== "read") return undefined
    understood.plain ??= plainly(sql, bindings ?? [], values)
    const { schema: ours } = this.catalog()
    const isOurs = statement.sources.every(({ schema }) => schema === undefined || schema === ours)
    const tables = statement.sources.map(({ table }) => table)
    const needs = statement.sources.flatMap(({ table, keys, isTop }) =>
      keys
        .filter(({ isNeeded, isArray }) => isTop && isNeeded && !isArray)
        .map(({ parameter }) => ({ table, values: values[parameter - 1]! })),
    )
    return {
      shape: statement,
      usesNow: statement.usesNow,
      plain: understood.plain,
      tables,
      rows: isOurs ? statement.rows : undefined,
      needs: isOurs ? needs : [],
      isVain: statement.condition !== undefined && isNever(statement.condition, values),
    }
  }

  /** A statement is about to run. */
  issued({ id, sql, transaction }: Issued): void {
    const context = this.context.value
    if (!context) return
    if (context.request && !context.request.wrote) context.request.wrote = this.mayBeTold(sql)
    const readings = [...aliveFrom(context.reading)]
    if (readings.length === 0) return
    for (const reading of readings) {
      if (transaction !== undefined) this.noteTransaction(reading, transaction, sql)
      reading.waiting++
    }
    this.underWay.set(id, readings)
  }

  /** A statement has given its rows, or nothing is known of them. */
  answeredBy({ id, sql, bindings }: Issued, rows: readonly Record<string, unknown>[] | undefined): void {
    const readings = this.underWay.get(id)
    if (!readings) return
    this.underWay.delete(id)
    const { statement, values } = this.statementOf(sql, bindings)
    for (const reading of readings) {
      reading.waiting--
      const by = noteRead(reading, statement, values, rows, this.catalog())
      if (statement.kind === "none") continue
      if (rows) reading.shares?.note(rows, by)
      else reading.shares?.giveUp()
    }
  }

  failed({ id }: Issued): void {
    for (const reading of this.underWay.get(id) ?? []) {
      reading.waiting--
      reading.opaque ??= "a statement failed"
    }
    this.underWay.delete(id)
  }

  /** Whether a statement may change what the feed tells. */
  private mayBeTold(sql: string): boolean {
    const change = changeOf(sql)
    if (!change) return false
    const { table } = change
    const { isKnown, isTable, tables } = this.catalog()
    return table === undefined || tables.has(table) || (isKnown && !isTable(table))
  }

  private noteTransaction(reading: Reading, transaction: string, sql: string): void {
    if (beginsTransaction.test(sql)) reading.transactions.add(transaction)
    else if (!reading.transactions.has(transaction))
      reading.opaque ??= "it reads in a transaction that began before"
  }

  private statementOf(sql: string, bindings: readonly unknown[] = []): Understood {
    const catalog = this.catalog()
    if (catalog !== this.understoodBy) {
      this.statements.clear()
      this.latest.clear()
      this.understoodBy = catalog
    }
    const latest = bindings.length === 0 ? this.latest.get(sql) : undefined
    if (latest) return latest
    const understood = this.understand(sql, bindings, catalog)
    if (bindings.length === 0) this.latest.set(sql, understood)
    return understood
  }

  private understand(sql: string, bindings: readonly unknown[], catalog: Catalog): Understood {
    const { text, values } = skeletonOf(sql, bindings)
    let statement = this.statements.get(text)
    if (!statement) {
      const { isHarmless } = catalog
      statement = parseStatement(text, isHarmless)
      // A literal where PostgreSQL takes no parameter: as it was written, then, without its values.
      if (statement.kind === "opaque" && text !== sql) {
        const whole = parseStatement(sql, isHarmless)
        if (whole.kind === "read") for (const source of whole.sources) source.keys.length = 0
        statement = whole
      }
      this.statements.set(text, statement)
    }
    return { statement, values }
  }
}

/** What a statement may change; its table when it is a plain write. */
function changeOf(sql: string): { table: string | undefined } | undefined {
  if (harmless.test(sql)) return undefined
  const [, quoted, plain] = (isSingle(sql) && written.exec(sql)) || []
  return { table: quoted ?? plain?.toLowerCase() }
}

const isSingle = (sql: string) =>
  !sql.includes(";") || (!hides.test(sql) && !/;\s*\S/.test(sql.replace(/'[^']*'/g, "")))

function alive(reading: Reading | undefined): Reading | undefined {
  for (let at = reading; at; at = at.around) if (at.isAlive) return at
  return undefined
}

function* aliveFrom(reading: Reading | undefined): Iterable<Reading> {
  for (let at = alive(reading); at; at = alive(at.around)) yield at
}
