/** A row that is asked for by its id, and was shown by another condition. */
import type { Response } from "./answers"
import { otherwise } from "./selection"

export interface AskedById {
  id: string
  /** What is shown of which rows, but for the last condition. */
  start: string
  /** The table, as the statement calls it. */
  alias: string
}

/** As MikroORM writes it: all columns of one table, and what is joined to it. */
const oneById =
  /^(select ("\w+")\.\*(?:(?! as "id").)+ where (?:\2\."deleted_at" is null and )?)\2\."id" = '([\w-]+)'(?: order by \2\."id" asc)?$/
const condition = /^("\w+")\."\w+" (?:= '[^']*'|in \('[^']*'(?:, '[^']*')*\))$/

/** Undefined for what asks something else. */
export function askedById(sql: string): AskedById | undefined {
  const [, start, alias, id] = oneById.exec(sql) ?? []
  return id === undefined ? undefined : { id, start: start!, alias: alias! }
}

/** Whether a statement shows the same of rows that one other condition tells. */
export const showsAmong = ({ start, alias }: AskedById, sql: string): boolean =>
  sql.startsWith(start) && condition.exec(sql.slice(start.length))?.[1] === alias

/** What makes rows of others, or leaves some out. */
const composed = /\b(?:union|intersect|except|group|having|limit|offset|fetch)\b/i
/** As a column is named. */
const named = /("\w+")\."/g

/** With the row of that id alone; undefined when there is none, or more. */
export function rowOf<Given extends Response>(response: Given, { id }: AskedById): Given | undefined {
  const rows = response.rows.filter((one) => one.id === id)
  return rows.length === 1 ? otherwise(response, { rows, rowCount: 1 }) : undefined
}

/** That of what a statement gave of the same table with the same columns, whatever else it asked of them. */
export function rowAmong<Given extends Response>(
  asked: AskedById,
  sql: string,
  response: Given,
): Given | undefined {
  if (!sql.startsWith(asked.start)) return undefined
  const conditions = sql.slice(asked.start.length)
  // Of what is joined to it all is shown only where nothing is asked of that.
  const isOfOther = [...conditions.matchAll(named)].some(([, alias]) => alias !== asked.alias)
  if (isOfOther || composed.test(conditions)) return undefined
  const alone = rowOf(response, asked)
  return alone?.rows[0]?.deleted_at ? undefined : alone
}
