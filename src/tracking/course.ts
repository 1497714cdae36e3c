/**
 * What requests of one kind ask, one statement after the other. What the next will ask is known before it does, because most of it is made of
 * what it was given and of what it has read: it is asked along with what is asked first, and spares its own way to PostgreSQL and back.
 *
 * A course is what one request asked, as it was watched: each statement with the places its values came from. Nothing is taken for true because of it: a
 * statement that was asked for nothing, or is another one, is never looked at. What seldom serves is asked ahead no more.
 */
import { filled, longestText, skeletonOf, textsOf } from "./skeleton"

/** The first of each kind are watched, and then one of so many after one that asked what was not expected. */
const watchedAtFirst = 3
const watchedOneOf = 4
/** Steps that are remembered of a request, how far to look ahead, and how many statements to ask along. */
const mostSteps = 300
const farthest = 80
const mostAlong = 16
/** Of an answer in which values are looked for. */
const mostRows = 100
/** Of the values of a statement, where they were seen first. */
const mostOrigins = 6
/** Of a value by which something may be looked up. */
const [shortestValue, longestValue] = [2, 64]
/** A statement that was asked ahead so often must have served for half; what is long ago counts less and less. */
const fewestTries = 3
const mostTries = 64
/** What is left of the tries of a statement each time that it is not asked ahead because of them: it may have been late because the store had just begun. */
const remembrance = 0.995

/** Stands for what is alike in all statements but for their values. */
export type Shape = object

/** Where values come from: of a statement that was answered, a column; of a request and of what it wrote, a number. */
interface Origin {
  of: unknown
  name: string
}

/** Of several origins the first that is known tells: it was the last to be seen. If none is, what was seen; undefined when that is ids, which are others each time. */
interface Place {
  origins: readonly Origin[]
  values: readonly unknown[] | undefined
}

/** Of a statement: the texts between its values, and where they come from. */
interface Template {
  texts: string[]
  places: Place[]
}

/** How often a statement was asked ahead, and served. */
interface Luck {
  tries: number
  serves: number
}

/** By what it was asked along with, the statement or the commit after it: what is too early with one is not with another. */
type Lucks = Record<With, Map<Shape | undefined, Luck>>
type With = "statement" | "commit"

type Step =
  | {
      kind: "read"
      shape: Shape
      tables: readonly string[]
      template: Template | undefined
      lucks: Lucks
      /** As if no reading had begun before the request. */
      when: When
    }
  /** From here on what is read of these tables may be another; undefined: of all. */
  | { kind: "move"; tables: readonly string[] | undefined }

/** What is read to be kept must be read after its reading began. */
export interface When {
  /** That of the tracker when it was asked. */
  turn: number
  /** That of the reading it is for; 0 when it is not to be kept. */
  since: number
}

/** A statement that is expected, as often as it has lucks. */
export interface Expected {
  sql: string
  lucks: Luck[]
}

/** A statement that only reads. */
export interface Asked {
  sql: string
  shape: Shape
  tables: readonly string[]
  /** Whether it may be asked before it is its turn. */
  mayBeAhead: boolean
}

export class Course {
  steps: readonly Step[] = []
  /** Whether a request asked what was not expected. */
  isSurprised = false
  /** By shape, the steps that ask it, in their order. */
  private places = new Map<Shape, number[]>()
  /** The names of what its statements are made of, by where they come from. */
  private needs = new Map<unknown, Set<string>>()
  private requests = 0
  /** How often what requests before asked was proven at once, and then asked for. */
  proofs: Luck = { tries: 0, serves: 0 }

  /**
   * @param given what a request of the kind is given
   * @param turn see `When`
   */
  begin(given: string, turn = 0): Journey {
    return new Journey(this, given, turn)
  }

  /** A request of the kind asks something. @returns whether to watch it */
  count(): boolean {
    const isDue = this.isSurprised && this.requests % watchedOneOf === 0
    return this.requests++ < watchedAtFirst || isDue
  }

  /** A request asked this. What those before asked and it did not stays, while it serves: not all of a kind ask the same. */
  learn(watched: readonly Step[]): void {
    const steps: Step[] = []
    const counts = new Map<Shape, number>()
    const seen = new Set<Step>()
    for (const step of watched) {
      steps.push(step)
      if (step.kind !== "read") continue
      const count = counts.get(step.shape) ?? 0
      counts.set(step.shape, count + 1)
      const index = this.indexOf(step.shape, count)
      const old = this.steps[index]
      if (old?.kind !== "read") continue
      seen.add(old)
      if (!isBetter(step.template, old.template)) step.lucks = old.lucks
    }
    this.keepOthers(steps, seen)
    this.isSurprised = false
    this.proofs = { tries: 0, serves: 0 }
    this.steps = steps.slice(0, mostSteps)
    this.places = new Map()
    this.needs = new Map()
    for (const [index, step] of this.steps.entries()) {
      if (step.kind !== "read") continue
      this.places.set(step.shape, [...(this.places.get(step.shape) ?? []), index])
      for (const place of step.template?.places ?? []) for (const origin of place.origins) this.need(origin)
    }
  }

  /** What was asked before, and not by the one that was watched, each after what it was asked after. */
  private keepOthers(steps: Step[], seen: ReadonlySet<Step>): void {
    let after = 0
    for (const old of this.steps) {
      if (old.kind !== "read") continue
      if (seen.has(old)) after = 1 + steps.findIndex((step, i) => i >= after && isOf(step, old.shape))
      else if (hasServed(old.lucks)) steps.splice(after++, 0, old)
    }
  }

  /** Of the `count`th time that such a statement is asked; -1 when it was not. */
  indexOf(shape: Shape, count: number): number {
    return this.places.get(shape)?.[count] ?? -1
  }

  needed(of: unknown): ReadonlySet<string> | undefined {
    return this.needs.get(of)
  }

  private need({ of, name }: Origin): void {
    this.needs.set(of, (this.needs.get(of) ?? new Set()).add(name))
  }
}

/** One request on its course. */
export class Journey {
  private readonly counts = new Map<Shape, number>()
  private readonly values = new Map<unknown, Map<string, readonly string[]>>()
  private isWatched: boolean | undefined
  /** When it is watched. */
  private readonly steps: Step[] = []
  private readonly origins = new Map<string, Origin[]>()
  /** The step of the course it is at: -1 before the first, undefined when it is on no known course. And how often something moved since. */
  private at: number | undefined = -1
  private moved = 0

  constructor(
    readonly course: Course,
    private given: string,
    private readonly turn: number,
  ) {}

  /** It is given this, which begins with what it was given before. @returns whether there are more values in it */
  hear(given: string): boolean {
    const before = valuesIn(this.given).length
    this.given = given
    if (this.isWatched !== undefined) this.noteGiven()
    return valuesIn(given).length > before
  }

  /** Whether it is known what requests of this kind ask. */
  get isKnown(): boolean {
    return this.course.steps.length > 0
  }

  /** That of proving at once what requests before asked; none when it seldom serves. */
  takeProofs(): Luck[] {
    const { proofs } = this.course
    return takeChance(proofs) ? [proofs] : []
  }

  /** Before it asks or writes anything. @returns false when it has begun already */
  begin(): boolean {
    if (this.isWatched !== undefined) return false
    this.isWatched = this.course.count()
    this.noteGiven()
    return true
  }

  /** Statements that requests of this kind ask from here on, until others may have written; undefined when this one is on no known course. */
  get upcoming(): ReadonlySet<Shape> | undefined {
    if (this.at === undefined || this.course.steps.length === 0) return undefined
    const shapes = new Set<Shape>()
    for (const step of this.course.steps.slice(Math.max(0, this.at))) {
      if (step.kind === "read") shapes.add(step.shape)
      else if (!step.tables) break
    }
    return shapes
  }

  /** A statement is asked, of the database or of what is remembered. */
  asks(asked: Asked, when: When = { turn: 0, since: 0 }): void {
    this.begin()
    const count = this.counts.get(asked.shape) ?? 0
    this.counts.set(asked.shape, count + 1)
    const at = this.course.indexOf(asked.shape, count)
    this.at = at < 0 ? undefined : at
    this.moved = 0
    if (at < 0) this.course.isSurprised = true
    if (!this.isWatched || this.steps.length >= mostSteps) return
    const { shape, tables, mayBeAhead, sql } = asked
    const template = mayBeAhead ? this.templateOf(sql) : undefined
    const lucks = { statement: new Map(), commit: new Map() }
    const sinceBegin = { turn: when.turn - this.turn, since: when.since && when.since - this.turn }
    this.steps.push({ kind: "read", shape, tables, template, lucks, when: sinceBegin })
  }

  /** These rows were given: to this request, or to one before that asked of the same. */
  answers(of: Shape, rows: readonly Record<string, unknown>[]): void {
    const needed = this.course.needed(of)
    if ((!needed && !this.isWatched) || rows.length === 0 || rows.length > mostRows) return
    const names = this.isWatched ? Object.keys(rows[0]!) : needed!
    for (const name of names) {
      const values = [...new Set(rows.map((row) => row[name]).filter(isValue))]
      if (values.length > 0) this.note({ of, name }, values)
    }
  }

  /** These ids were inserted: by this request, or by one before that asked of the same. */
  inserts(table: string, ids: readonly string[]): void {
    const of = `insert into ${table}`
    if (!this.isWatched && !this.course.needed(of)) return
    for (const kind of new Set(ids.map(kindOf))) {
      this.note({ of, name: kind }, [...new Set(ids.filter((id) => kindOf(id) === kind))])
    }
    for (const [index, id] of ids.entries()) this.note({ of, name: String(index) }, [id])
  }

  /** From here on what is read of these tables may be another; undefined: of all. */
  moves(tables: readonly string[] | undefined): void {
    this.moved++
    if (this.isWatched && this.steps.length < mostSteps) this.steps.push({ kind: "move", tables })
  }

  /** What will be asked after what was just asked, and would be answered alike. */
  ahead(isKnown: (sql: string) => boolean): Expected[] {
    return this.at === undefined ? [] : this.expectedFrom(this.at + 1, "statement", isKnown)
  }

  /**
   * What will be asked after a commit, and before anything else is written; undefined when that is nothing.
   * @param moves that are yet to come until then: that it is answered, when it was just sent
   */
  aheadOfCommit(isKnown: (sql: string) => boolean, moves = 1): Expected[] | undefined {
    if (this.at === undefined) return undefined
    const { steps } = this.course
    let from = this.at + 1
    // What is read between them others have asked, and this one did not.
    for (let passed = 0; passed < this.moved + moves && from < steps.length; from++) {
      if (steps[from]!.kind === "move") passed++
    }
    return steps[from - 1]?.kind === "move" && steps[from]?.kind === "read"
      ? this.expectedFrom(from, "commit", isKnown)
      : undefined
  }

  private expectedFrom(from: number, asked: With, isKnown: (sql: string) => boolean): Expected[] {
    const here = this.course.steps[this.at!]
    const { shape, turn } = here?.kind === "read" ? { ...here, ...here.when } : { shape: undefined, turn: 0 }
    const moved = new Set<string>()
    const expected = new Map<string, Expected>()
    for (const step of this.course.steps.slice(from, from + farthest)) {
      if (expected.size >= mostAlong) break
      if (step.kind === "move") {
        if (!step.tables) break
        for (const table of step.tables) moved.add(table)
        continue
      }
      const luck = step.lucks[asked].get(shape) ?? { tries: 0, serves: 0 }
      const isAlike = step.when.since <= turn && !step.tables.some((table) => moved.has(table))
      const sql = step.template && isAlike && takeChance(luck) ? this.render(step.template) : undefined
      if (sql === undefined || isKnown(sql)) continue
      step.lucks[asked].set(shape, luck)
      const lucks = expected.get(sql)?.lucks ?? []
      expected.set(sql, { sql, lucks: [...lucks, luck] })
    }
    return [...expected.values()]
  }

  /** It has ended as it should: the next go as it went. @returns whether it asked anything */
  end(): boolean {
    if (this.isWatched && this.steps.length > 0) this.course.learn(this.steps)
    return this.isWatched !== undefined
  }

  private templateOf(sql: string): Template | undefined {
    if (sql.length > longestText) return undefined
    const skeleton = skeletonOf(sql)
    const texts = textsOf(skeleton)
    if (!texts) return undefined
    const places = skeleton.values.map((some): Place => {
      const origins = this.origins.get(listOf(some)) ?? []
      return { origins, values: origins.length > 0 && some.some(isId) ? undefined : some }
    })
    const template = { texts, places }
    return this.render(template) === sql ? template : undefined
  }

  private render({ texts, places }: Template): string | undefined {
    const values = places.map((place) => this.knownOf(place.origins) ?? place.values)
    return values.every((some) => some !== undefined) ? filled(texts, values) : undefined
  }

  private knownOf(origins: readonly Origin[]): readonly string[] | undefined {
    const last = origins.find(({ of, name }) => this.values.get(of)?.has(name))
    return last && this.values.get(last.of)?.get(last.name)
  }

  private noteGiven(): void {
    const of = "given"
    if (!this.isWatched && !this.course.needed(of)) return
    for (const [index, one] of valuesIn(this.given).entries())
      this.note({ of, name: String(index) }, [one.replaceAll('"', "")])
  }

  private note(origin: Origin, values: readonly string[]): void {
    const { of, name } = origin
    const known = this.values.get(of) ?? new Map()
    this.values.set(of, known.set(name, values))
    if (!this.isWatched) return
    const list = listOf(values)
    const others = this.origins.get(list) ?? []
    const isNew = !others.some((other) => other.of === of && other.name === name)
    if (isNew && others.length < mostOrigins) this.origins.set(list, [origin, ...others])
  }
}

/** Medusa's ids in a text. */
export const ids = /\b[a-z]+(?:_[a-z]+)*_[0-9A-Z]{26}\b/g
const whole = new RegExp(`^${ids.source}$`)
const isId = (value: unknown) => typeof value === "string" && whole.test(value)
const kindOf = (id: string) => id.slice(0, id.lastIndexOf("_"))
/** And of what is written as JSON the texts, but not the names. */
const lengths = `{${shortestValue},${longestValue}}`
const idsAndTexts = new RegExp(`${ids.source}|(?<=[:,[])"[^"\\\\]${lengths}"(?!:)`, "g")

const valuesIn = (given: string) => given.slice(0, longestText).match(idsAndTexts) ?? []

const isValue = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length >= shortestValue &&
  value.length <= longestValue &&
  !value.includes("\\")

const isOf = (step: Step, shape: Shape) => step.kind === "read" && step.shape === shape

const isLucky = ({ tries, serves }: Luck) => tries < fewestTries || serves * 2 >= tries

/** Whether to ask for it. What had no luck has some again one day. */
function takeChance(luck: Luck): boolean {
  if (isLucky(luck)) return true
  luck.tries *= remembrance
  return false
}

const hasServed = ({ statement, commit }: Lucks) =>
  [...statement.values(), ...commit.values()].some((luck) => luck.tries > 0 && isLucky(luck))

/** It is asked ahead. */
export function trying({ lucks }: Pick<Expected, "lucks">): void {
  for (const luck of lucks) {
    luck.tries++
    if (luck.tries < mostTries) continue
    luck.tries /= 2
    luck.serves /= 2
  }
}

/** In whichever order. */
const listOf = (values: readonly unknown[]) =>
  values.length === 1 ? String(values[0]) : [...values].sort().join("\n")

/** Whether it is known of more values where they come from, or it is another statement. */
function isBetter(template: Template | undefined, old: Template | undefined): boolean {
  if (template?.texts.join() !== old?.texts.join()) return true
  const known = (one: Template | undefined) =>
    one?.places.filter(({ origins }) => origins.length > 0).length ?? 0
  return known(template) > known(old)
}
