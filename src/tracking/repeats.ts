/**
 * Statements that are repeated within one request, and answered once until it writes to a table they read. With what has to be asked goes, in the same message, what is
 * expected to be asked next (see `Journey`), and what asks whether that still stands which requests before asked.
 *
 * What must hold: a request sees what it would have seen by asking again, but for what others commit while it runs (see `Moves`).
 */
import {
  type Answer,
  Answers,
  emptyGivenOf,
  type Given,
  givenBy,
  nothingOf,
  type Question,
  type Remembered,
  type Response,
  showsOf,
} from "./answers"
import { Calls } from "./calls"
import { type Expected, ids, type Journey, trying, type When } from "./course"
import { Moves } from "./moves"
import { holds } from "./selection"
import { proofOf } from "./versions"

/** How many answers are remembered for the next request. */
const mostPast = 40
/** Of what is inserted, looked through for ids. */
const longestInsert = 16_000
const insertion = /^insert into "?(\w+)"?/

/** Of requests before. */
export interface Past {
  /** What they asked, by key. */
  asked: ReadonlyMap<string, Remembered>
  /** Ids in what they inserted, by table. */
  inserted: ReadonlyMap<string, readonly string[]>
}

/** Sends statements in one message; all but one alone have no parameters. @returns the answer to each */
export type Send = (texts: readonly string[]) => Promise<readonly Response[]>

/** What is asked in the message that commits a transaction. */
export interface Committing {
  texts: readonly string[]
  /** To be called before it is noted that the commit is answered, and what else is yet to come until then. */
  answered(responses: readonly Response[]): void
}

export class Repeats {
  readonly moves = new Moves()
  readonly calls = new Calls(this.moves)
  private readonly answers = new Answers(this.moves)
  /** Ids in what was inserted last, by table. */
  readonly inserted = new Map<string, readonly string[]>()
  /** What requests before asked, by the rows it is of; once it was looked for. */
  private shownBefore: Map<string, [string, Remembered][]> | undefined
  /** What was noted when it was looked for at hand, in vain. */
  private readonly notedEarly = new Set<string>()

  /** When what was asked by requests before was proven last, and the proof. */
  private recalledAt = -1
  private recalled: Promise<void> = Promise.resolve()
  /** What was asked at once, and is not counted. */
  private untried: Pick<Expected, "lucks">[] = []
  /** Until something is asked for that was proven. */
  private proofs: Expected["lucks"] = []
  /** What is being proven, by key. */
  private proving: ReadonlySet<string> = new Set()

  /**
   * @param past what requests before asked, that were about the same
   * @param journey what requests of this kind ask
   * @param questionOf undefined for what must be asked when it is its turn
   * @param isKept whether a statement is expected to be answered without asking
   */
  constructor(
    private readonly past: Past = { asked: new Map(), inserted: new Map() },
    readonly journey?: Journey | undefined,
    private readonly questionOf: (sql: string) => Question | undefined = () => undefined,
    private readonly isKept: (sql: string) => boolean = () => false,
  ) {}

  /** One that was asked ahead, and need not be looked into again. */
  expected(sql: string): Question | undefined {
    return this.answers.questionOf(sql)
  }

  /**
   * The answer that is known and stands, one of requests before that is proven to stand, or a new one. Rejects with what asking rejects
   * with, and forgets it.
   */
  async answer(question: Question, send: Send, when: When = { turn: 0, since: 0 }): Promise<Given> {
    const { shape } = question
    if (!this.notedEarly.delete(question.key)) this.noteAsking(question, when)
    let known = this.answers.known(question, when)
    let given = nothingOf(question) ?? (known && (await known))
    // What is to be kept is asked now, and not what was asked before it.
    if (!given && this.isOfPast(question) && when.since === 0) {
      await this.recall(send, when)
      known = this.answers.known(question, when)
      given = known && (await known)
    }
    given ??= await this.ask(question, send, when)
    this.journey?.answers(shape, given.response.rows)
    return given
  }

  /**
   * What `answer` gives without asking; undefined when it has to ask, then or later. Rejects with what asking was refused with.
   */
  atHand(question: Question, when: When): Promise<Given | undefined> | undefined {
    const nothing = nothingOf(question)
    if (!nothing && !this.answers.mayKnow(question, when)) return undefined
    this.noteAsking(question, when)
    const known = nothing ? Promise.resolve(nothing) : this.answers.known(question, when)
    return known?.then((given) => {
      if (given) this.journey?.answers(question.shape, given.response.rows)
      else this.notedEarly.add(question.key)
      return given
    })
  }

  /** A statement was answered from elsewhere. */
  noteAnswer(question: Question, { rows }: Response, when: When): void {
    this.noteAsking(question, when)
    this.journey?.answers(question.shape, rows)
  }

  private noteAsking(question: Question, when: When): void {
    this.setOut()
    this.tryUntried()
    this.journey?.asks(question, when)
  }

  /**
   * Asks what requests of this kind ask first, as far as it is told by what this one was given and by those before it, while nobody waits for it yet.
   * @param turn see `When`
   * @returns whether there was anything to ask
   */
  askAtOnce(send: Send, turn: number): boolean {
    if (!this.journey?.isKnown) return false
    this.setOut()
    const proofs = this.journey.takeProofs()
    const { along, past } = this.plan(turn, { proves: proofs.length > 0 })
    if (along.length + past.length === 0) return false
    this.untried.push(...along)
    if (past.length > 0) {
      this.proofs = proofs
      this.untried.push({ lucks: proofs })
    }
    this.sendAlong([], past, along, send, turn).catch(() => {
      // It may be proven yet.
      this.recalledAt = -1
    })
    return true
  }

  /** A request that was begun early is given this. @returns whether it is more than its URL */
  hear(given: string): boolean {
    return this.journey?.hear(given) === true
  }

  /** What was asked at once is tried by who asks something, or is done without: who is refused before that says nothing. */
  private tryUntried(): void {
    for (const one of this.untried) trying(one)
    this.untried = []
  }

  /** The request has ended as it should. @returns whether it asked anything of what requests of its kind ask */
  end(): boolean {
    this.tryUntried()
    return this.journey?.end() === true
  }

  /** What requests before were given is likely to be what this one will be. */
  private setOut(): void {
    if (!this.journey?.begin()) return
    const { asked, inserted } = this.past
    for (const { question, given } of asked.values())
      this.journey.answers(question.shape, given.response.rows)
    for (const [table, ids] of inserted) this.journey.inserts(table, ids)
  }

  /**
   * For the next request that is about the same.
   * @param past what is remembered of requests before
   */
  remembered(past: Past = this.past): Past {
    const isUntouched = ({ question }: Remembered) =>
      !question.tables.some((table) => this.moves.hasMoved(table))
    const older = [...past.asked].filter(([key, one]) => !this.answers.questionOf(key) && isUntouched(one))
    const own = this.answers.provable()
    const inserted = [...past.inserted, ...this.inserted].slice(-mostPast)
    return { asked: new Map([...older, ...own].slice(-mostPast)), inserted: new Map(inserted) }
  }

  /** Asks now, and with it what is expected to be asked next. */
  private ask(question: Question, send: Send, { turn, since }: When): Promise<Given> {
    const alone = async () => givenBy(question, (await send([question.text]))[0]!)
    const { along, past } = question.isAlone ? nothing : this.plan(turn, { asked: question.key })
    tried(along)
    const value =
      along.length + past.length === 0
        ? alone()
        : this.sendAlong([question.text], past, along, send, turn).then(
            ([response]) => givenBy(question, response!),
            (error) => {
              if (isOfConnection(error)) throw error
              return alone()
            },
          )
    if (question.isRepeatable && since === 0)
      this.answers.put({ question, began: this.moves.count, turn, value })
    return value
  }

  /**
   * What is expected to be asked after a commit that was sent. What is asked in the same message, after it, sees what it committed.
   * @param turn see `When`
   * @param on the connection; where nothing was written nothing moves when it is committed
   * @param moves see `Journey`
   */
  committing(turn: number, on: object, moves = 1): Committing | undefined {
    const committing = this.askAfterCommit(turn, on, moves)
    this.moves.show()
    return committing
  }

  private askAfterCommit(turn: number, on: object, moves: number): Committing | undefined {
    if (!this.moves.hasWritten(on)) return undefined
    const expected = this.journey?.aheadOfCommit((sql) => this.needsNoAsking(sql), moves)
    if (!expected) return undefined
    const { along, past } = this.planOf(this.questionsOf(expected, turn), this.unproven([]))
    if (along.length + past.length === 0) return undefined
    tried(along)
    const proof = proofsOf(past)
    const [sent, at] = [this.moves.count, Date.now()]
    const answered = (responses: readonly Response[]) => {
      if (responses.length !== proof.length + along.length) return
      // What is yet to be noted is of what was committed.
      const began = this.moves.count + moves
      const isUnmoved = ({ question }: { question: Question }) => this.moves.isUnmoved(question.tables, sent)
      if (past.length > 0 && this.moves.isUnmoved([], sent)) {
        this.recalledAt = began
        this.seed(past, responses[0]!, { began, turn, at }, isUnmoved)
      }
      for (const [index, one] of along.entries()) {
        if (!isUnmoved(one)) continue
        const value = Promise.resolve(givenBy(one.question, responses[proof.length + index]!))
        this.putAhead(one, { began, turn, at, value })
      }
    }
    return { texts: [...proof, ...along.map(({ question }) => question.text)], answered }
  }

  private putAhead(one: Along, made: Pick<Answer, "began" | "turn" | "value"> & Partial<Answer>): void {
    const { question, lucks } = one
    const note = ({ response }: Given) => this.journey?.answers(question.shape, response.rows)
    this.answers.put({ question, lucks, ...made, isAhead: true, isUnseen: true }, note)
  }

  /**
   * What is expected to be asked next and is not known, and what is to be proven instead.
   * @param asked what is asked now
   * @param unknown see `unproven`
   */
  private plan(
    turn: number,
    {
      asked,
      proves = true,
      unknown = [],
    }: { asked?: string; proves?: boolean; unknown?: [string, Remembered][] },
  ): Plan {
    const isKnown = (sql: string) => sql === asked || this.needsNoAsking(sql)
    const along = this.questionsOf(this.journey?.ahead(isKnown) ?? [], turn)
    return proves ? this.planOf(along, this.unproven(unknown)) : { along, past: [] }
  }

  /** Of rows of which requests before asked for more need not be asked what is proven to be the same. */
  private planOf(along: readonly Along[], past: readonly [string, Remembered][]): Plan {
    if (this.isRecalled) return { along, past: [] }
    const proven = new Map(past)
    const isOfMore = ({ question }: Along) => {
      const more = this.pastOfMore(question)
      if (more) proven.set(...more)
      return more !== undefined
    }
    return { along: along.filter((one) => !isOfMore(one)), past: [...proven] }
  }

  /** Whether requests before asked it, or it is being proven what they asked of the same rows with more columns. */
  private isOfPast(question: Question): boolean {
    if (this.past.asked.has(question.key)) return true
    const more = this.proving.size > 0 ? this.pastOfMore(question) : undefined
    return more !== undefined && this.proving.has(more[0])
  }

  /** What requests before asked of the same rows with more columns. */
  private pastOfMore(question: Question): [string, Remembered] | undefined {
    const shows = showsOf(question)
    if (!shows) return undefined
    this.shownBefore ??= shownBy(this.past)
    const before = this.shownBefore.get(shows.rows[0])
    return before?.find(
      ([, { question: more }]) =>
        holds(showsOf(more)!.selection, shows.selection) && this.moves.isUnmoved(more.tables),
    )
  }

  /** What is known, or is yet to be proven. */
  private needsNoAsking(sql: string): boolean {
    if (this.answers.standing(sql) !== undefined || this.proving.has(sql) || this.isKept(sql)) return true
    return this.past.asked.has(sql) && !this.isRecalled
  }

  private questionsOf(expected: readonly Expected[], turn: number): Along[] {
    const along = expected.flatMap(({ sql, lucks }) => {
      const question = this.questionOf(sql)
      return question && !this.answers.moreThan(question) ? [{ question, lucks }] : []
    })
    return withoutFewer(along).filter((one) => !nothingOf(one.question) && !this.putNothing(one, turn))
  }

  /**
   * Nothing refers to an id that this request has made up and not committed yet, but what it wrote itself: what is asked by it need not be asked.
   * @returns whether it is known that it gives nothing
   */
  private putNothing(one: Along, turn: number): boolean {
    const { needs } = one.question
    const areNew = ({ table, values }: Question["needs"][number]) =>
      values.length > 0 && values.every((value) => this.moves.isNew(value, table))
    const given = needs.some(areNew) ? emptyGivenOf(one.question) : undefined
    if (!given) return false
    trying(one)
    const value = Promise.resolve(given)
    this.putAhead(one, { began: this.moves.count, turn, value })
    return true
  }

  private get isRecalled(): boolean {
    return this.moves.isUnmoved([], this.recalledAt)
  }

  /**
   * What was asked by requests before, will be asked again, and is not proven.
   * @param unknown what that is when nobody knows what will be asked
   */
  private unproven(unknown: [string, Remembered][]): [string, Remembered][] {
    if (this.isRecalled || this.past.asked.size === 0) return []
    const upcoming = this.journey?.upcoming
    return upcoming
      ? [...this.past.asked].filter(([, { question }]) => upcoming.has(question.shape))
      : unknown
  }

  /** Asks once whether what was asked by requests before still stands; again when this one has waited for a lock. */
  private recall(send: Send, { turn }: When): Promise<void> {
    if (!this.isRecalled) {
      const { along, past } = this.plan(turn, { unknown: [...this.past.asked] })
      if (along.length + past.length === 0) return this.recalled
      this.sendAlong([], past, tried(along), send, turn).catch(() => undefined)
    }
    return this.recalled
  }

  /**
   * In one message: these statements, what asks whether that of requests before still stands, and what is expected.
   */
  private async sendAlong(
    texts: string[],
    past: [string, Remembered][],
    along: readonly Along[],
    send: Send,
    turn: number,
  ): Promise<readonly Response[]> {
    const proof = proofsOf(past)
    const ahead = along.map(({ question }) => question.text)
    const began = this.moves.count
    const at = Date.now()
    const sent = send([...texts, ...proof, ...ahead])
    if (proof.length > 0) {
      this.recalledAt = began
      const proving = new Set(past.map(([key]) => key))
      this.proving = proving
      this.recalled = sent
        .then(
          (responses) => this.seed(past, responses[texts.length]!, { began, turn, at }),
          () => undefined,
        )
        .finally(() => {
          if (this.proving === proving) this.proving = new Set()
        })
    }
    for (const [index, one] of along.entries()) {
      const value = sent.then((responses) =>
        givenBy(one.question, responses[texts.length + proof.length + index]!),
      )
      this.putAhead(one, { began, turn, value })
    }
    return sent
  }

  /** Of what was asked by requests before stands what has the same versions. */
  private seed(
    past: [string, Remembered][],
    { rows }: Response,
    asked: Pick<Answer, "began" | "turn" | "at">,
    isUnmoved: (one: Remembered) => boolean = () => true,
  ): void {
    const versions = rows[0]!.versions as string[]
    const order = proofs(past)
    for (const [key, one] of past) {
      const { question, given } = one
      const isSame =
        given.versions !== undefined && versions[order.indexOf(question.proof!)] === given.versions
      if (!isSame || !isUnmoved(one) || this.answers.standing(key)) continue
      const value = Promise.resolve(given)
      this.answers.remember({ question, given, ...asked, value, lucks: this.proofs })
    }
  }

  /** See `Answers`. */
  ownRow(sql: string): Response | undefined {
    return this.answers.ownRow(sql)
  }

  /**
   * A write was issued, or answered.
   * @param table undefined: which tables it changes is not known
   * @param on the connection
   */
  write(sql: string, table: string | undefined, on: object): void {
    this.setOut()
    const into = insertion.exec(sql)?.[1]
    if (into !== undefined) this.insert(into, sql.slice(0, longestInsert).match(ids) ?? [])
    this.moves.write(table, on)
    this.journey?.moves(table === undefined ? undefined : [table])
  }

  private insert(table: string, ids: readonly string[]): void {
    this.inserted.set(table, ids)
    this.journey?.inserts(table, ids)
  }

  /** A transaction ends, or has ended: what was written in it is seen from outside. */
  commit(on: object): void {
    const written = this.moves.commit(on)
    if (!written) return
    this.setOut()
    const tables = [...written].filter((table) => table !== undefined)
    this.journey?.moves(tables.length < written.size ? undefined : tables)
  }

  /** Others may have written: this request got a lock. @param until the moment at which the last of them may have */
  forget(until = Number.POSITIVE_INFINITY): void {
    if (!this.moves.forget(until)) return
    this.setOut()
    this.journey?.moves(undefined)
  }
}

function tried(along: readonly Along[]): readonly Along[] {
  for (const one of along) trying(one)
  return along
}

interface Plan {
  along: readonly Along[]
  past: [string, Remembered][]
}

const nothing: Plan = { along: [], past: [] }

function shownBy({ asked }: Past): Map<string, [string, Remembered][]> {
  const shown = new Map<string, [string, Remembered][]>()
  for (const one of asked) {
    const [, { question, given }] = one
    const rows = given.versions === undefined ? undefined : showsOf(question)?.rows
    for (const text of rows ?? []) shown.set(text, [...(shown.get(text) ?? []), one])
  }
  return shown
}

/** What another of them shows need not be asked: that is for who expects it, too. */
function withoutFewer(along: readonly Along[]): Along[] {
  const shows = along.map(({ question }) => showsOf(question))
  const isMore = (more: number, fewer: number) => {
    const [all, some] = [shows[more], shows[fewer]]
    const isOther = more !== fewer && all !== undefined && some !== undefined
    return isOther && all.rows.includes(some.rows[0]) && holds(all.selection, some.selection)
  }
  const indices = [...along.keys()]
  // Of those that show the same the first.
  const isHeld = (fewer: number) =>
    indices.some((more) => isMore(more, fewer) && (more < fewer || !isMore(fewer, more)))
  const kept = indices.filter((index) => !isHeld(index))
  for (const fewer of indices.filter((index) => !kept.includes(index))) {
    const more = kept.find((index) => isMore(index, fewer))!
    along[more]!.lucks.push(...along[fewer]!.lucks)
  }
  return kept.map((index) => along[index]!)
}

/** Of what is shown: fewer and more columns of the same rows are of the same versions. */
const proofs = (past: readonly [string, Remembered][]) => [
  ...new Set(past.map(([, { question }]) => question.proof!)),
]

/** What asks for the versions of all of them, if there are any. */
const proofsOf = (past: readonly [string, Remembered][]) => (past.length > 0 ? [proofOf(proofs(past))] : [])

/** Ended, or without an answer of PostgreSQL's: asking again would not help. What was asked along may have taken too long on its own. */
function isOfConnection(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === "string" && (!/^[0-9A-Z]{5}$/.test(code) || /^(?:57(?!014)|08)/.test(code))
}

/** A statement that is asked before it is its turn. */
interface Along extends Pick<Expected, "lucks"> {
  question: Question
}
