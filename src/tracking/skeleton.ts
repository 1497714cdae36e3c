/**
 * A statement without its values, so that statements that differ only in values are parsed once. Literals
 * become parameters, and all values of a list become one: `id in ('a', 'b')` and `id in ($1, $2, $3)` both have
 * the skeleton `id in ($1)`.
 *
 * What must hold: the skeleton means the same as the statement, whatever the values. A literal that the reader
 * does not understand stays where it is: that costs a parse, never a wrong answer.
 */
export interface Skeleton {
  text: string
  /** For each parameter of the skeleton, from 1 on at index 0, the values it stands for. */
  values: unknown[][]
  /** It is the statement as it is: something in it hides what comes after. */
  isHidden: boolean
}

/** Between two values of one list. */
const comma = /^\s*,\s*$/
const listBegins = /\bin\s*\($/i

/** @param bindings for `$1`, `$2` and so on */
export function skeletonOf(sql: string, bindings: readonly unknown[] = []): Skeleton {
  const values: unknown[][] = []
  let text = ""
  let copied = 0
  let listEnd = -1
  for (let at = 0; at < sql.length; ) {
    const end = endOf(sql, at)
    if (end === hidden) return { text: sql, values: bindings.map((one) => [one]), isHidden: true }
    const start = at
    at = end
    if (!isValue(sql, start)) continue
    const found = sql.slice(start, end)
    if (!isReadable(found)) continue
    const value = literalOf(found, bindings)
    const between = sql.slice(copied, start)
    copied = end
    if (start > 0 && listEnd === start - between.length && comma.test(between) && endsItem(sql, end)) {
      values.at(-1)!.push(value)
      listEnd = end
      continue
    }
    values.push([value])
    text += `${between}$${values.length}`
    listEnd = listBegins.test(between.slice(-16)) ? end : -1
  }
  return { text: text + sql.slice(copied), values, isHidden: false }
}

/** Whether a value of a list is all of it: of `5 * n` it is not. */
function endsItem(sql: string, end: number): boolean {
  let at = end
  while (isSpace(sql.charCodeAt(at))) at++
  const next = sql.charCodeAt(at)
  return next === itemEnd || next === listClose
}

/** What is between its values; undefined where something else looks like one. */
export function textsOf({ text, values }: Skeleton): string[] | undefined {
  const parts = text.split(/\$\d+/)
  return parts.length === values.length + 1 ? parts : undefined
}

/** Those of a list in order: whoever looks for the same asks the same. PostgreSQL finds them in an order of its own. */
export function filled(texts: readonly string[], values: readonly (readonly unknown[])[]): string {
  let sql = texts[0]!
  for (const [index, some] of values.entries()) sql += written(some) + texts[index + 1]!
  return sql
}

/**
 * The same statement without parameters, and with its lists in order. A text in it means what a parameter means whose type nobody has told: PostgreSQL tells it by its place
 * (PostgreSQL 18, 10.2 and 10.3), and pg tells none; but nothing is ordered or grouped by a text.
 * @param values of its skeleton
 * @returns undefined where a value has no such text
 */
export function plainly(
  sql: string,
  bindings: readonly unknown[],
  values: readonly (readonly unknown[])[],
): string | undefined {
  const asItIs = bindings.length === 0 ? sql : undefined
  if (asItIs && values.every(isInOrder)) return asItIs
  const given = bindings.map(textOfBound)
  if (given.includes(undefined) || sql.length > longestText || ordersBy.test(sql)) return asItIs
  const skeleton = skeletonOf(sql, given)
  const texts = skeleton.isHidden ? undefined : textsOf(skeleton)
  return texts ? filled(texts, skeleton.values) : asItIs
}

/** Longer statements stay as they are. */
export const longestText = 16_000
const ordersBy = /\b(?:order|group|partition)\s+by\b.*\$\d|\bdistinct\s+on\b.*\$\d/is

const written = (values: readonly unknown[]) =>
  values.length === 1 ? literal(values[0]) : values.map(literal).sort().join(", ")

const literal = (value: unknown) =>
  typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value)

const isInOrder = (values: readonly unknown[]) =>
  values.every((value, i) => i === 0 || literal(values[i - 1]) <= literal(value))

/** As pg sends it. */
function textOfBound(value: unknown): string | undefined {
  if (typeof value === "number") return String(value)
  return typeof value === "string" && !/[\\\0]/.test(value) ? value : undefined
}

/** Here begins something in which anything may hide: the statement is left as it is. */
const hidden = -1

const [quote, doubleQuote, dollar, minus, slash, star, dot, itemEnd, listClose] = [..."'\"$-/*.,)"].map(
  (one) => one.charCodeAt(0),
)

/**
 * Where what begins at `at` ends: a string, a quoted name, a word, a number, a parameter, or a character. Statements are long and many, and this is asked of each of their words: it
 * makes nothing.
 */
function endOf(sql: string, at: number): number {
  const first = sql.charCodeAt(at)
  const second = sql.charCodeAt(at + 1)
  switch (first) {
    case quote:
    case doubleQuote:
      return endOfQuoted(sql, at, first)
    case minus:
      return second === minus ? hidden : at + 1
    case slash:
      return second === star ? hidden : at + 1
    case dollar: {
      const end = endOfWord(sql, at + 1)
      if (isDigit(second)) return endOfDigits(sql, at + 1)
      return sql.charCodeAt(end) === dollar ? hidden : at + 1
    }
    default:
      if (isDigit(first)) return endOfNumber(sql, at)
      if (!isLetter(first)) return at + 1
      return second === quote && (first | 32) === letterE ? hidden : endOfName(sql, at)
  }
}

const letterE = "e".charCodeAt(0)

/** Two quotes stand for one. */
function endOfQuoted(sql: string, at: number, mark: number): number {
  const sign = mark === quote ? "'" : '"'
  for (let end = sql.indexOf(sign, at + 1); end >= 0; end = sql.indexOf(sign, end + 2)) {
    if (sql.charCodeAt(end + 1) !== mark) return end + 1
  }
  return hidden
}

function endOfNumber(sql: string, at: number): number {
  const end = endOfDigits(sql, at)
  const isFraction = sql.charCodeAt(end) === dot && isDigit(sql.charCodeAt(end + 1))
  return isFraction ? endOfDigits(sql, end + 1) : end
}

function endOfDigits(sql: string, at: number): number {
  let end = at
  while (isDigit(sql.charCodeAt(end))) end++
  return end
}

function endOfWord(sql: string, at: number): number {
  let end = at
  while (isLetter(sql.charCodeAt(end)) || isDigit(sql.charCodeAt(end))) end++
  return end
}

function endOfName(sql: string, at: number): number {
  let end = endOfWord(sql, at)
  while (sql.charCodeAt(end) === dollar) end = endOfWord(sql, end + 1)
  return end
}

const isSpace = (code: number) => code === 32 || (code >= 9 && code <= 13)
const isDigit = (code: number) => code >= 48 && code <= 57
/** And the line below. */
const isLetter = (code: number) => ((code | 32) >= 97 && (code | 32) <= 122) || code === 95

function isValue(sql: string, at: number): boolean {
  const first = sql.charCodeAt(at)
  return first === quote || isDigit(first) || (first === dollar && isDigit(sql.charCodeAt(at + 1)))
}

/** A number of JavaScript's is not any number: 9007199254740993 and 1.10 would be others. */
const isReadable = (found: string) => !isDigit(found.charCodeAt(0)) || String(Number(found)) === found

function literalOf(found: string, bindings: readonly unknown[]): unknown {
  switch (found[0]) {
    case "'":
      return found.slice(1, -1).replaceAll("''", "'")
    case "$":
      return bindings[Number(found.slice(1)) - 1]
    default:
      return Number(found)
  }
}
