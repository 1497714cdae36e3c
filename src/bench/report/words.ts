/** Sentences the terminal and the page share. */
import { bareTarget, type LoadResult } from "../load"
import type { Setting, SettingResult } from "../rows/ledger"
import { improved } from "./numbers"

export const settingTitles: Record<Setting, string> = {
  hot: "Hot products",
  "first-time": "First-time products",
}

export const settingMeanings: Record<Setting, string> = {
  hot: "Every shopper buys one of the same four products, as in a sale.",
  "first-time": "Every shopper buys a product nobody bought before in this run.",
}

export function loadMeaning({ connections, requests, path }: LoadResult): string {
  const list = path.split("&")[0]
  return (
    `${connections} connections, ${requests.toLocaleString("en-US")} requests on ${list}, one store after ` +
    `the other. The bench did not ask for this list before. “${bareTarget}” is a server that only sends the same ` +
    "bytes: the floor on this machine."
  )
}

export const rowsMeaning =
  "One shopper at a time goes from the product list to the order, in each store in turn. " +
  "Every answer was checked for status and meaning before its time counted."

export const statementsMeaning =
  "SQL statements are counted by pg_stat_statements in flows of their own, without those that begin and end " +
  "transactions."

/** Which rows are slower than in the first store; undefined when none is. */
export function slowerRows({ rows }: SettingResult): string | undefined {
  const slower = rows.flatMap(({ row, stores }) =>
    stores
      .filter(({ improvement }) => improvement !== null && Math.round(improvement) < 0)
      .map(({ store, improvement }) => `${row} in ${store} (${improved(improvement)})`),
  )
  return slower.length > 0 ? `Slower than the baseline: ${slower.join("; ")}.` : undefined
}

/** A row in few letters: all begin with /store, and only one path ends with /payment-sessions. */
export function partsOf(row: string): { method: string; path: string } {
  const [, method, path] = /^(GET|POST) \/store(.*)$/.exec(row) ?? ["", "", row]
  return { method: method!, path: path!.replace("/payment-collections/:id/", "…/") }
}
