/** The rows of changes.ts, made one after the other; what each store answers then, beside the truth. */

import { setTimeout as sleep } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"
import type { Kind } from "../support/store"
import { type Change, changesOf, findThings } from "./changes"
import { openScene, type Scene, type Store } from "./scene"

/** How long the news of a change may be on its way to another process, in milliseconds. */
const bound = 100

/** Whether two answers say the same. Where nobody asks for an order, PostgreSQL promises none: not of what belongs to an item. */
export function isSame(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(settled(left, true), settled(right, true))
}

function settled(value: unknown, isOrdered: boolean): unknown {
  if (typeof value !== "object" || value === null) return value
  if (!Array.isArray(value)) {
    const entries = Object.entries(value).map(([name, one]) => [
      name,
      settled(one, isOrdered || name === "images"),
    ])
    return Object.fromEntries(entries)
  }
  const items = value.map((one) => settled(one, false))
  return isOrdered ? items : [...items].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
}

const idOf = (item: unknown) => (item as { id?: string } | null)?.id ?? ""

export interface Row {
  name: string
  /** Whether the change shows at all. */
  shows: boolean
  /** Where it was not seen. */
  stale: string[]
  /** Whether a store still answered an earlier state before the change was made. */
  wasStale: boolean
}

export async function surveyOne(scene: Scene, { name, view, make, isRaw }: Change): Promise<Row> {
  const { first, second, truth } = scene
  const twice = async (store: Store) => [await view(store), await view(store)]
  const [before, ...answers] = await Promise.all([view(truth), twice(first), twice(second)])
  const wasStale = answers.flat().some((answer) => !isSame(answer, before))
  const at = await make(scene)
  const acknowledged = Date.now()
  if (typeof at === "number") await sleep(Math.max(0, at - Date.now()))
  if (isRaw) await sleep(bound)
  const mine = await view(first)
  await sleep(Math.max(0, acknowledged + bound - Date.now()))
  const [others, now] = await Promise.all([view(second), view(truth)])
  const stale: string[] = []
  if (!isSame(mine, now)) stale.push(isRaw ? "after raw SQL" : "in the process that made it")
  if (!isSame(others, now)) stale.push("in another process")
  return { name, shows: !isSame(now, before), stale, wasStale }
}

export async function survey(kind: Kind, each: (row: Row) => void): Promise<Row[]> {
  const scene = await openScene(kind)
  try {
    const rows: Row[] = []
    for (const change of changesOf(await findThings(scene))) {
      rows.push(await surveyOne(scene, change))
      each(rows.at(-1)!)
    }
    return rows
  } finally {
    await scene.close()
  }
}
