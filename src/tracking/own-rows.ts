/** A row that is asked for by its id, and was shown by another condition. */

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

/** What makes rows of others. */
const composed = /\b(?:union|intersect|except|group|having)\b/i

/** The row of that id among those that a statement gave of the same table with the same columns, whatever else it asked of them; undefined when it gave none, or more. */
export function rowAmong(
  { id, start }: AskedById,
  sql: string,
  rows: readonly Record<string, unknown>[],
): Record<string, unknown> | undefined {
  if (!sql.startsWith(start) || composed.test(sql.slice(start.length))) return undefined
  const [row, ...others] = rows.filter((one) => one.id === id)
  return row && others.length === 0 && !row.deleted_at ? row : undefined
}
