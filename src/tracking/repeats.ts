/**
 * Statements that are repeated within one request, and answered once until it writes to a table they read; and calls that are made of
 * nothing but such statements.
 *
 * What must hold: a request sees what it would have seen by asking again, but for what others commit while it runs. A write counts from
 * when it is issued, again when it is answered, and again when its transaction is committed, because it is seen from outside only then. What cannot
 * be told to be a write to one table alone counts as one to all.
 */

import { type Asked, type Expected, ids, type Journey, type Shape, trying, type When } from "./course"
import { askedById, rowOf, showsAmong } from "./own-rows"
import {
  areSingle,
  holds,
  narrowed,
  otherwise,
  type Rows,
  rowsOf,
  type Selection,
  selectionOf,
} from "./selection"
import { proofOf, takeVersions } from "./versions"

/** How many answers are remembered at once, and how many of them for the next request. */
const mostAnswers = 500
const mostPast = 40
/** Of an answer that is worth proving. */
const mostRows = 200
/** Of what is inserted, looked through for ids. */
const longestInsert = 16_000
const insertion = /^insert into "?(\w+)"?/
/** How long an answer that was asked for ahead may wait to be looked at, when it is one that may not be repeated. Milliseconds. */
const longestAhead = 50
/** How long ago a row of the request's own may have been asked to be given to a transaction, which may write what it makes of it. Milliseconds. */
const longestSinceShown = 10
/** As how many more tries it counts that it had waited longer. */
const triesOfLate = 4

/** Of requests before. */
export interface Past {
  /** What they asked, by key. */
  asked: ReadonlyMap<string, Remembered>
  /** Ids in what they inserted, by table. */
  inserted: ReadonlyMap<string, readonly string[]>
}

interface Remembered {
  question: Question
  given: Given
}

/** A statement that only reads. */
export interface Question extends Asked {
  /** Tells it from others. */
  key: string
  /** What is sent: with the versions of its rows when they can be told. */
  text: string
  /** What asks for the versions alone. */
  proof: string | undefined
  /** Without a row of each of these tables that has one of these values in some column it gives nothing. */
  needs: readonly { table: string; values: readonly unknown[] }[]
  /** Whether it can give nothing, whatever there is. */
  isVain: boolean
  /** Whether what it gave may be given again, until one of the tables is written to. */
  isRepeatable: boolean
  /** Whether it asks which promotions there are, and for what, and not how often they were used. */
  isOfPromotions: boolean
  /** Whether it must have a message of its own. */
  isAlone: boolean
}

export interface Response {
  rows: Record<string, unknown>[]
  fields: { name: string }[]
}

export interface Given {
  response: Response
  /** Of its rows. */
  versions: string | undefined
}

/** Sends statements in one message; all but one alone have no parameters. @returns the answer to each */
export type Send = (texts: readonly string[]) => Promise<readonly Response[]>

/** What is asked in the message that commits a transaction. */
export interface Committing {
  texts: readonly string[]
  /** To be called before it is noted that the commit is answered, and what else is yet to come until then. */
  answered(responses: readonly Response[]): void
}

/** What is read in the course of a call, as its statements tell. */
export class Reads {
  readonly tables = new Set<string>()
  /** By the statement that asks for them, the versions of the rows that were read. */
  readonly versions = new Map<string, string>()
  /** What kept things that were answered depend on, and when the first of them expires. */
  readonly tags = new Set<string>()
  expiresAt = Number.POSITIVE_INFINITY
  /** Whether it may be remembered until one of the tables is written to. */
  isKnown = true
  /** Whether what was not kept can be proven by the versions. */
  isProvable = true

  constructor(private readonly around: Reads | undefined) {}

  /**
   * A statement was answered.
   * @param tables undefined when it must always be asked
   * @param proof the versions of its rows, and the statement that asks for them
   */
  asked(tables: readonly string[] | undefined, proof?: { sql: string; versions: string }): void {
    if (!tables) this.isKnown = false
    for (const table of tables ?? []) this.tables.add(table)
    this.prove(proof)
    this.around?.asked(tables, proof)
  }

  /** Something was answered that is kept. */
  recalled({ tags, expiresAt }: { tags: readonly string[]; expiresAt: number }): void {
    this.isKnown = false
    for (const tag of tags) this.tags.add(tag)
    this.expiresAt = Math.min(this.expiresAt, expiresAt)
    this.around?.recalled({ tags, expiresAt })
  }

  /** A call was answered from what it gave before. */
  include(call: Reads): void {
    for (const table of call.tables) this.tables.add(table)
    for (const [sql, versions] of call.versions) this.prove({ sql, versions })
    this.isProvable &&= call.isProvable
    this.around?.include(call)
  }

  private prove(proof: { sql: string; versions: string } | undefined): void {
    if (!proof || (this.versions.get(proof.sql) ?? proof.versions) !== proof.versions) this.isProvable = false
    else this.versions.set(proof.sql, proof.versions)
  }
}

/** What happens in this process, in its order; a clock may be set back. */
let moments = 0
export const moment = (): number => ++moments

export class Repeats {
  private readonly began = moment()
  private moves = 0
  private allMovedAt = 0
  private readonly movedAt = new Map<string, number>()
  /** Tables that were written to on a connection since its transaction began; undefined for all. */
  private readonly written = new WeakMap<object, Set<string | undefined>>()
  /** Ids that this request made up since it last committed something, and when. */
  private readonly madeAt = new Map<unknown, number>()
  /** All that this request made up. */
  private readonly ownIds = new Set<string>()
  /** Ids in what was inserted last, by table. */
  readonly inserted = new Map<string, readonly string[]>()
  private readonly answers = new Map<string, Answer>()
  /** What they show, by the rows it is of and their keys. */
  private readonly shown = new Map<string, Map<string, Selection>>()
  /** What requests before asked, by the rows it is of; once it was looked for. */
  private shownBefore: Map<string, [string, Remembered][]> | undefined
  private readonly calls = new Map<string, Made>()

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
    return this.answers.get(sql)?.question
  }

  /**
   * The answer that is known and stands, one of requests before that is proven to stand, or a new one. Rejects with what asking rejects
   * with, and forgets it.
   */
  async answer(question: Question, send: Send, when: When = { turn: 0, since: 0 }): Promise<Given> {
    const { shape } = question
    if (!this.notedEarly.delete(question.key)) this.noteAsking(question, when)
    let known = this.knownTo(question, when)
    let given = nothingOf(question) ?? (known && (await known))
    // What is to be kept is asked now, and not what was asked before it.
    if (!given && this.isOfPast(question) && when.since === 0) {
      await this.recall(send, when)
      known = this.knownTo(question, when)
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
    if (!nothing && !this.mayKnow(question, when)) return undefined
    this.noteAsking(question, when)
    const known = nothing ? Promise.resolve(nothing) : this.knownTo(question, when)
    return known?.then((given) => {
      if (given) this.journey?.answers(question.shape, given.response.rows)
      else this.notedEarly.add(question.key)
      return given
    })
  }

  private mayKnow(question: Question, { since }: When): boolean {
    const known = this.standing(question.key) ?? this.moreThan(question)
    return known !== undefined && known.turn >= since
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
      !question.tables.some((table) => this.movedAt.has(table))
    const older = [...past.asked].filter(([key, one]) => !this.answers.has(key) && isUntouched(one))
    const own = [...this.answers].flatMap(([key, one]): [string, Remembered][] => {
      const { question, given, isUnseen } = one
      const isOf = question.isRepeatable && question.proof !== undefined && !isUnseen
      return isOf && given !== undefined && this.stands(one) ? [[key, { question, given }]] : []
    })
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
    if (question.isRepeatable && since === 0) this.put({ question, began: this.moves, turn, value })
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
    // Others may refer to them from now on.
    this.madeAt.clear()
    return committing
  }

  private askAfterCommit(turn: number, on: object, moves: number): Committing | undefined {
    if (!this.written.has(on)) return undefined
    const expected = this.journey?.aheadOfCommit((sql) => this.needsNoAsking(sql), moves)
    if (!expected) return undefined
    const { along, past } = this.planOf(this.questionsOf(expected, turn), this.unproven([]))
    if (along.length + past.length === 0) return undefined
    tried(along)
    const proof = proofsOf(past)
    const sent = this.moves
    const answered = (responses: readonly Response[]) => {
      if (responses.length !== proof.length + along.length) return
      // What is yet to be noted is of what was committed.
      const began = this.moves + moves
      const isUnmoved = ({ question }: { question: Question }) => this.isUnmoved(question.tables, sent)
      if (past.length > 0 && this.allMovedAt <= sent) {
        this.recalledAt = began
        this.seed(past, responses[0]!, { began, turn }, isUnmoved)
      }
      for (const [index, one] of along.entries()) {
        if (!isUnmoved(one)) continue
        const value = Promise.resolve(givenBy(one.question, responses[proof.length + index]!))
        this.putAhead(one, { began, turn, value })
      }
    }
    return { texts: [...proof, ...along.map(({ question }) => question.text)], answered }
  }

  private putAhead(one: Along, made: Pick<Answer, "began" | "turn" | "value">): void {
    this.put({ ...one, ...made, isAhead: true, isUnseen: true })
    made.value.then(
      ({ response }) => this.journey?.answers(one.question.shape, response.rows),
      () => undefined,
    )
  }

  private put(made: Omit<Answer, "at"> & Partial<Answer>): void {
    const answer: Answer = { at: Date.now(), ...made }
    const { question, value } = answer
    this.remember(answer)
    value.then(
      (given) => {
        answer.given = given
      },
      () => {
        if (this.answers.get(question.key) === answer) this.answers.delete(question.key)
      },
    )
  }

  private remember(answer: Answer): void {
    const { question } = answer
    if (this.answers.size >= mostAnswers) {
      this.answers.clear()
      this.shown.clear()
    }
    this.answers.set(question.key, answer)
    const shows = showsOf(question)
    if (!shows) return
    const { rows, selection } = shows
    for (const one of rows)
      this.shown.set(one, (this.shown.get(one) ?? new Map()).set(question.key, selection))
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
        holds(showsOf(more)!.selection, shows.selection) && this.isUnmoved(more.tables),
    )
  }

  /** What is known, or is yet to be proven. */
  private needsNoAsking(sql: string): boolean {
    if (this.standing(sql) !== undefined || this.proving.has(sql) || this.isKept(sql)) return true
    return this.past.asked.has(sql) && !this.isRecalled
  }

  private questionsOf(expected: readonly Expected[], turn: number): Along[] {
    const along = expected.flatMap(({ sql, lucks }) => {
      const question = this.questionOf(sql)
      return question && !this.moreThan(question) ? [{ question, lucks }] : []
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
      values.length > 0 && values.every((value) => this.isNew(value, table))
    const given = needs.some(areNew) ? emptyGivenOf(one.question) : undefined
    if (!given) return false
    trying(one)
    const value = Promise.resolve(given)
    this.putAhead(one, { began: this.moves, turn, value })
    return true
  }

  /** Whether this request has made up an id, and written nothing to the table since. */
  private isNew(id: unknown, table: string): boolean {
    const at = this.madeAt.get(id)
    return at !== undefined && this.isUnmoved([table], at)
  }

  private get isRecalled(): boolean {
    return this.recalledAt >= this.allMovedAt
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
    const began = this.moves
    const sent = send([...texts, ...proof, ...ahead])
    if (proof.length > 0) {
      this.recalledAt = began
      const proving = new Set(past.map(([key]) => key))
      this.proving = proving
      this.recalled = sent
        .then(
          (responses) => this.seed(past, responses[texts.length]!, { began, turn }),
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
    asked: Pick<Answer, "began" | "turn">,
    isUnmoved: (one: Remembered) => boolean = () => true,
  ): void {
    const versions = rows[0]!.versions as string[]
    const order = proofs(past)
    for (const [key, one] of past) {
      const { question, given } = one
      const isSame =
        given.versions !== undefined && versions[order.indexOf(question.proof!)] === given.versions
      if (!isSame || !isUnmoved(one) || this.standing(key)) continue
      const value = Promise.resolve(given)
      this.remember({ question, given, ...asked, at: 0, value, lucks: this.proofs })
    }
  }

  /** What was given before, or ahead, if it stands; undefined also when asking ahead failed. */
  private known(key: string, { since }: When): Promise<Given | undefined> | undefined {
    const known = this.standing(key)
    if (!known) this.noteLateness(key)
    if (!known || known.turn < since) return undefined
    const { lucks = [], isAhead, question, value } = known
    const luck = lucks.shift()
    if (luck) luck.serves++
    known.isUnseen = false
    // What may not be repeated was asked as often as it was expected.
    if (!question.isRepeatable && lucks.length === 0) this.answers.delete(key)
    return isAhead ? value.catch(() => undefined) : value
  }

  /** As `known`, or of the same rows with more columns. */
  private knownTo(question: Question, when: When): Promise<Given | undefined> | undefined {
    return this.known(question.key, when) ?? this.knownOfMore(question, when)
  }

  private knownOfMore(question: Question, when: When): Promise<Given | undefined> | undefined {
    const more = this.moreThan(question)
    const known = more && this.known(more.question.key, when)
    return known?.then(
      (all) => {
        const given = all && fewerOf(all, question, more!.question)
        const isRemembered = given && question.isRepeatable && when.since === 0
        const { began, turn, at } = more!
        if (isRemembered) this.put({ question, began, turn, at, value: Promise.resolve(given) })
        return given
      },
      () => undefined,
    )
  }

  /** What stands of the same rows with more columns. */
  private moreThan(question: Question): Answer | undefined {
    const shows = showsOf(question)
    for (const [key, selection] of (shows && this.shown.get(shows.rows[0])) ?? []) {
      const isMore = key !== question.key && holds(selection, shows!.selection)
      const more = isMore ? this.standing(key) : undefined
      if (more) return more
    }
    return undefined
  }

  private standing(key: string): Answer | undefined {
    const known = this.answers.get(key)
    return known && this.stands(known) && !isLate(known) ? known : undefined
  }

  /** What was asked too early is better asked along with something later. */
  private noteLateness(key: string): void {
    const known = this.answers.get(key)
    const luck = known && isLate(known) ? known.lucks?.[0] : undefined
    // What never served may be slow because the store has just begun.
    if (luck && luck.serves > 0) luck.tries += triesOfLate
  }

  /**
   * What the same call gave before, if that stands, or what it gives now. Everybody gets an answer of his own.
   * @param reads where `make` notes what it reads
   * @param make rejects with what the call rejects with, which is not remembered
   * @param copy undefined for what cannot be remembered
   */
  async call<T>(
    key: string,
    { reads, around }: { reads: Reads; around: Reads | undefined },
    make: () => Promise<T>,
    copy: (value: T) => T | undefined,
  ): Promise<T> {
    const before = this.calls.get(key)
    if (before) {
      const value = (await before.value) as T | undefined
      if (value !== undefined && this.isUnmoved([...before.reads.tables], before.began)) {
        around?.include(before.reads)
        return copy(value)!
      }
    }
    if (this.calls.size >= mostAnswers) this.calls.clear()
    const began = this.moves
    const made = make()
    const value = made
      .then((given) => (reads.isKnown && reads.tables.size > 0 ? copy(given) : undefined))
      .catch(() => undefined)
    this.calls.set(key, { reads, began, value })
    return made
  }

  /** This id was made up for something that is yet to be written. */
  made(id: string): void {
    this.madeAt.set(id, this.moves)
    this.ownIds.add(id)
  }

  /** Whether this request made up an id. */
  hasMade(id: string): boolean {
    return this.ownIds.has(id)
  }

  /**
   * What a transaction that has done nothing yet asks of a row that this request has made and committed: what was shown of it since, a moment ago. Undefined when nothing was.
   */
  ownRow(sql: string): Response | undefined {
    const asked = askedById(sql)
    if (!asked || !this.ownIds.has(asked.id)) return undefined
    const now = Date.now()
    for (const [key, answer] of this.answers) {
      const isNow = now - answer.at <= longestSinceShown
      if (!isNow || !showsAmong(asked, key) || this.standing(key) !== answer) continue
      const shown = answer.given && rowOf(answer.given.response, asked)
      if (shown) return shown
    }
    return undefined
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
    this.moves++
    this.written.set(on, (this.written.get(on) ?? new Set()).add(table))
    this.move(table)
    this.journey?.moves(table === undefined ? undefined : [table])
  }

  private insert(table: string, ids: readonly string[]): void {
    this.inserted.set(table, ids)
    this.journey?.inserts(table, ids)
  }

  /** A transaction begins. */
  begin(on: object): void {
    this.written.delete(on)
  }

  /** A transaction ends, or has ended: what was written in it is seen from outside. */
  commit(on: object): void {
    const written = this.written.get(on)
    if (!written) return
    this.setOut()
    this.moves++
    for (const table of written) this.move(table)
    const tables = [...written].filter((table) => table !== undefined)
    this.journey?.moves(tables.length < written.size ? undefined : tables)
  }

  /** Others may have written: this request got a lock. @param until the moment at which the last of them may have */
  forget(until = Number.POSITIVE_INFINITY): void {
    if (until < this.began) return
    this.setOut()
    this.moves++
    this.move(undefined)
    this.journey?.moves(undefined)
  }

  private move(table: string | undefined): void {
    if (table === undefined) this.allMovedAt = this.moves
    else this.movedAt.set(table, this.moves)
  }

  private stands({ question, began }: Answer): boolean {
    return this.isUnmoved(question.tables, began)
  }

  /**
   * Whether what is read of these tables cannot have become another by this request, or while it waited for a lock.
   * @param began since when; default since the request began
   */
  isUnmoved(tables: readonly string[], began = 0): boolean {
    return this.allMovedAt <= began && tables.every((table) => (this.movedAt.get(table) ?? 0) <= began)
  }
}

const isLate = ({ question, at }: Answer) => !question.isRepeatable && Date.now() - at > longestAhead

function tried(along: readonly Along[]): readonly Along[] {
  for (const one of along) trying(one)
  return along
}

interface Shows {
  selection: Selection
  rows: Rows
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

/** Of one with parameters the text does not say it. */
function showsOf({ shape, sql, isAlone }: Question): Shows | undefined {
  const selection = isAlone ? undefined : selectionOf(shape, sql)
  return selection && { selection, rows: rowsOf(selection, sql) }
}

function fewerOf(given: Given, question: Question, more: Question): Given | undefined {
  const [fewer, all] = [showsOf(question)!, showsOf(more)!]
  const isOfSameText = fewer.rows[0] === all.rows[0]
  if (!isOfSameText && !areSingle(given.response)) return undefined
  const response = narrowed(given.response, fewer.selection)
  const isOfSameProof = question.proof === more.proof
  if (response) noteEmpty(question.shape, response)
  return response && { response, versions: isOfSameProof ? given.versions : undefined }
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

/** What statements of a shape are answered with when they give no rows. */
const emptyAnswers = new WeakMap<Shape, Response>()

function noteEmpty(shape: Shape, response: Response): void {
  if (!emptyAnswers.has(shape)) emptyAnswers.set(shape, otherwise(response, { rows: [], rowCount: 0 }))
}

/** Undefined while no statement of the shape was answered. */
export const emptyAnswerOf = (shape: Shape): Response | undefined => emptyAnswers.get(shape)

/** What a statement gives that can give nothing, once one of its shape was answered. */
const nothingOf = (question: Question): Given | undefined =>
  question.isVain ? emptyGivenOf(question) : undefined

function emptyGivenOf({ shape, proof }: Question): Given | undefined {
  const response = emptyAnswerOf(shape)
  return response && { response, versions: proof === undefined ? undefined : "" }
}

function givenBy({ proof, shape }: Question, response: Response): Given {
  const versions = proof === undefined ? undefined : takeVersions(response)
  noteEmpty(shape, response)
  return { response, versions: response.rows.length > mostRows ? undefined : versions }
}

/** Cancelled, or without an answer of PostgreSQL's: asking again would not help, or come too late. */
function isOfConnection(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === "string" && (!/^[0-9A-Z]{5}$/.test(code) || /^(?:57|08)/.test(code))
}

/** A statement that is asked before it is its turn. */
interface Along extends Pick<Expected, "lucks"> {
  question: Question
}

interface Answer {
  question: Question
  began: number
  /** See `When`. */
  turn: number
  value: Promise<Given>
  given?: Given
  /** When it was asked; milliseconds since 1970. */
  at: number
  /** Whether it was asked ahead: then it may have failed because of another. */
  isAhead?: boolean
  /** Of what was asked ahead, for each time that it is expected to be looked at; of what was proven at once, for the first of all. */
  lucks?: Expected["lucks"]
  /** Whether it was asked ahead and nobody looked at it yet. */
  isUnseen?: boolean
}

interface Made {
  reads: Reads
  began: number
  /** Undefined when it is not to be remembered. */
  value: Promise<unknown>
}
