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
}

/** Strings, quoted names, comments and dollar quotes, numbers, parameters: whatever may hide what looks like another. */
const token =
  /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*|\$\d+|\$\w*\$|[A-Za-z_][\w$]*|\d+(?:\.\d+)?/g
/** Between two values of one list. */
const comma = /^\s*,\s*$/
const listBegins = /\bin\s*\($/i

/** @param bindings for `$1`, `$2` and so on */
export function skeletonOf(sql: string, bindings: readonly unknown[] = []): Skeleton {
  const values: unknown[][] = []
  let text = ""
  let copied = 0
  let listEnd = -1
  for (const match of sql.matchAll(token)) {
    const [found] = match
    const start = match.index
    const value = literalOf(found, bindings)
    if (value === hidden) return { text: sql, values: bindings.map((one) => [one]) }
    if (value === notAValue) continue
    const between = sql.slice(copied, start)
    copied = start + found.length
    if (start > 0 && listEnd === start - between.length && comma.test(between)) {
      values.at(-1)!.push(value)
      listEnd = copied
      continue
    }
    values.push([value])
    text += `${between}$${values.length}`
    listEnd = listBegins.test(between.slice(-16)) ? copied : -1
  }
  return { text: text + sql.slice(copied), values }
}

const notAValue = Symbol("not a value")
/** Something in which anything may hide: the statement is left as it is. */
const hidden = Symbol("hidden")

function literalOf(found: string, bindings: readonly unknown[]): unknown {
  switch (found[0]) {
    case "'":
      return found.slice(1, -1).replaceAll("''", "'")
    case "$":
      return /^\$\d+$/.test(found) ? bindings[Number(found.slice(1)) - 1] : hidden
    case "-":
    case "/":
      return hidden
    default:
      if (found >= "0" && found < ":") return Number(found)
      return found[1] === "'" ? hidden : notAValue
  }
}
