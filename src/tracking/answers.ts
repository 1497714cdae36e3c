/**
 * What a request was answered: by key, and by the rows that are shown, for whoever asks for fewer columns of them. What is answered may be asked for again until the request
 * writes to a table that it read, and for a second.
 */
import type { Asked, Expected, Shape, When } from "./course"
import { longestStanding, type Moves } from "./moves"
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
import { takeVersions } from "./versions"

/** How many are remembered at once. */
const mostAnswers = 500
/** Of an answer that is worth proving. */
const mostRows = 200
/** How long an answer that was asked for ahead may wait to be looked at, when it is one that may not be repeated. Milliseconds. */
const longestAhead = 50
/** How long ago a row of the request's own may have been asked to be given to a transaction, which may write what it makes of it. Milliseconds. */
const longestSinceShown = 10
/** As how many more tries it counts that it had waited longer. */
const triesOfLate = 4

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

/** What requests before asked. */
export interface Remembered {
  question: Question
  given: Given
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

export interface Answer {
  question: Question
  /** When it was asked: see `Moves`. */
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

export class Answers {
  private readonly answers = new Map<string, Answer>()
  /** What they show, by the rows it is of and their keys. */
  private readonly shown = new Map<string, Map<string, Selection>>()

  constructor(private readonly moves: Moves) {}

  /** What was asked, or is asked ahead, whether or not its answer still stands. */
  questionOf(key: string): Question | undefined {
    return this.answers.get(key)?.question
  }

  /**
   * What was asked, and may yet be answered; forgotten when it is refused.
   * @param then is given the answer
   */
  put(made: Omit<Answer, "at"> & Partial<Answer>, then?: (given: Given) => void): void {
    const answer: Answer = { at: Date.now(), ...made }
    const { question, value } = answer
    this.remember(answer)
    value.then(
      (given) => {
        answer.given = given
        then?.(given)
      },
      () => {
        if (this.answers.get(question.key) === answer) this.answers.delete(question.key)
      },
    )
  }

  remember(answer: Answer): void {
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

  /** Whether something is known of it: see `known`. */
  mayKnow(question: Question, { since }: When): boolean {
    const known = this.standing(question.key) ?? this.moreThan(question)
    return known !== undefined && known.turn >= since
  }

  /** What was given before, or ahead, of this or of the same rows with more columns, if it stands; undefined also when asking ahead failed. */
  known(question: Question, when: When): Promise<Given | undefined> | undefined {
    return this.knownAs(question.key, when) ?? this.knownOfMore(question, when)
  }

  private knownAs(key: string, { since }: When): Promise<Given | undefined> | undefined {
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

  private knownOfMore(question: Question, when: When): Promise<Given | undefined> | undefined {
    const more = this.moreThan(question)
    const known = more && this.knownAs(more.question.key, when)
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
  moreThan(question: Question): Answer | undefined {
    const shows = showsOf(question)
    for (const [key, selection] of (shows && this.shown.get(shows.rows[0])) ?? []) {
      const isMore = key !== question.key && holds(selection, shows!.selection)
      const more = isMore ? this.standing(key) : undefined
      if (more) return more
    }
    return undefined
  }

  /** What was given for a key, or is yet to be, and may be given again. */
  standing(key: string): Answer | undefined {
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
   * What a transaction that has done nothing yet asks of a row that this request has made and committed: what was shown of it since, a moment ago. Undefined when nothing was.
   */
  ownRow(sql: string): Response | undefined {
    const asked = askedById(sql)
    if (!asked || !this.moves.hasMade(asked.id)) return undefined
    const now = Date.now()
    for (const [key, answer] of this.answers) {
      const isNow = now - answer.at <= longestSinceShown
      if (!isNow || !showsAmong(asked, key) || this.standing(key) !== answer) continue
      const shown = answer.given && rowOf(answer.given.response, asked)
      if (shown) return shown
    }
    return undefined
  }

  /** For the next request that is about the same: what may be proven to stand. */
  provable(): [string, Remembered][] {
    return [...this.answers].flatMap(([key, one]): [string, Remembered][] => {
      const { question, given, isUnseen } = one
      const isOf = question.isRepeatable && question.proof !== undefined && !isUnseen
      return isOf && given?.versions !== undefined && this.stands(one) ? [[key, { question, given }]] : []
    })
  }

  private stands({ question, began }: Answer): boolean {
    return this.moves.isUnmoved(question.tables, began)
  }
}

const isLate = ({ question, at }: Answer) =>
  Date.now() - at > (question.isRepeatable ? longestStanding : longestAhead)

/** What a statement shows, and of which rows. */
interface Shows {
  selection: Selection
  rows: Rows
}

/** Of one with parameters the text does not say it. */
export function showsOf({ shape, sql, isAlone }: Question): Shows | undefined {
  const selection = isAlone ? undefined : selectionOf(shape, sql)
  return selection && { selection, rows: rowsOf(selection, sql) }
}

/** What is asked of the same rows with fewer columns; undefined when that cannot be told. */
function fewerOf(given: Given, question: Question, more: Question): Given | undefined {
  const [fewer, all] = [showsOf(question)!, showsOf(more)!]
  const isOfSameText = fewer.rows[0] === all.rows[0]
  if (!isOfSameText && !areSingle(given.response)) return undefined
  const response = narrowed(given.response, fewer.selection)
  const isOfSameProof = question.proof === more.proof
  if (response) noteEmpty(question.shape, response)
  return response && { response, versions: isOfSameProof ? given.versions : undefined }
}

/** What statements of a shape are answered with when they give no rows. */
const emptyAnswers = new WeakMap<Shape, Response>()

function noteEmpty(shape: Shape, response: Response): void {
  if (!emptyAnswers.has(shape)) emptyAnswers.set(shape, otherwise(response, { rows: [], rowCount: 0 }))
}

/** Undefined while no statement of the shape was answered. */
export const emptyAnswerOf = (shape: Shape): Response | undefined => emptyAnswers.get(shape)

/** What a statement gives that can give nothing, once one of its shape was answered. */
export const nothingOf = (question: Question): Given | undefined =>
  question.isVain ? emptyGivenOf(question) : undefined

export function emptyGivenOf({ shape, proof }: Question): Given | undefined {
  const response = emptyAnswerOf(shape)
  return response && { response, versions: proof === undefined ? undefined : "" }
}

/** What a statement was answered with. */
export function givenBy({ proof, shape }: Question, response: Response): Given {
  const versions = proof === undefined ? undefined : takeVersions(response)
  noteEmpty(shape, response)
  return { response, versions: response.rows.length > mostRows ? undefined : versions }
}
