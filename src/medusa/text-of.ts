import { isPlain } from "../engine"

/** JSON text that is equal only for what asks the same; undefined for what has none. */
export function textOf(value: unknown): string | undefined {
  if (!isPlain(value)) return undefined
  return JSON.stringify(value, (_name, node: unknown) => (node === undefined ? "\u0000undefined" : node))
}
