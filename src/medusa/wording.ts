/** What differs between questions of one shape: ids and times, which are not mistaken for anything else. */
import { ids } from "../tracking"
import { dateMark } from "./text-of"

/** Stands for an id or a time. */
export class Place {
  constructor(readonly number: number) {}
}

export interface Shape {
  /** The text, with marks in the place of ids and times. */
  shape: string
  /** The texts of those, each once. */
  values: readonly string[]
}

/** Around the number of a value in the text of a shape; no text of what is asked has it. */
const mark = "\u0001"
/** Ids of rows, of runs of workflows, and times. */
export const anyValue = new RegExp(`"${ids.source}"|"(?:auto-)?[0-9A-Z]{26}"|${dateMark}-?\\d+`, "g")

/** @param text see `textOf` */
export function shapeOf(text: string): Shape {
  const numbers = new Map<string, number>()
  const shape = text.replace(anyValue, (value) => {
    if (!numbers.has(value)) numbers.set(value, numbers.size)
    return `${mark}${numbers.get(value)}${mark}`
  })
  return { shape, values: [...numbers.keys()] }
}

export const valueIn = (text: string): unknown =>
  text.startsWith(dateMark) ? new Date(Number(text.slice(1))) : text.slice(1, -1)
