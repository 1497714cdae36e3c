/**
 * Medusa's numbers are decimals of any length. A row of an order has twenty of them, each of which is made of text, written as text of twenty
 * digits, and read of it again, whenever it is looked at. Here a text that was read before is not read again.
 *
 * The seam: `setRawValueOrThrow` and `numeric` of `BigNumber` (utils/dist/totals/big-number.js:13 and 72, 2.21.2). The decimals of bignumber.js are
 * never changed once they are made, so numbers may share them; what Medusa writes to (`raw_`) is each number's own.
 */
import { BigNumber, MEDUSA_EPSILON } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"

interface Parts {
  numeric_: number
  raw_: { value: string; precision: number } | undefined
  bignumber_: object
}

type Set = (this: Parts, value: unknown, options?: { precision?: number }) => void

const mostTexts = 5_000
/** What `Number` and bignumber.js read as the same. */
const plain = /^-?\d+(?:\.\d+)?$/

/** @returns false when it is not as expected, and nothing was changed */
export function cheapenNumbers(): boolean {
  const prototype = BigNumber.prototype as unknown as Parts & { setRawValueOrThrow?: Set }
  const set = prototype.setRawValueOrThrow
  const numeric = Object.getOwnPropertyDescriptor(prototype, "numeric")
  const read = numeric?.get
  if (typeof set !== "function" || !read || !numeric.configurable || !isAsRead()) return false
  const known = new LRUCache<string, { numeric: number; text: string; decimal: object }>({ max: mostTexts })
  prototype.setRawValueOrThrow = function (value, options) {
    if (typeof value !== "string") return set.call(this, value, options)
    const precision = options?.precision ?? BigNumber.DEFAULT_PRECISION
    const name = `${precision}:${value}`
    const found = known.get(name)
    if (found) {
      this.numeric_ = found.numeric
      this.raw_ = { value: found.text, precision }
      this.bignumber_ = found.decimal
      return
    }
    set.call(this, value, options)
    known.set(name, { numeric: this.numeric_, text: this.raw_!.value, decimal: this.bignumber_ })
  }
  Object.defineProperty(prototype, "numeric", {
    ...numeric,
    get(this: Parts) {
      const text = this.raw_?.value
      if (typeof text !== "string" || !plain.test(text)) return read.call(this)
      const value = Number(text)
      return Math.abs(value) <= epsilon() ? 0 : value
    },
  })
  return true
}

const epsilon = () => (MEDUSA_EPSILON as unknown as Parts).numeric_

function isAsRead(): boolean {
  const { numeric_, raw_, bignumber_ } = new BigNumber("10.50") as unknown as Parts
  return (
    numeric_ === 10.5 &&
    raw_?.value === "10.500000000000000000" &&
    raw_.precision === BigNumber.DEFAULT_PRECISION &&
    typeof bignumber_ === "object" &&
    typeof epsilon() === "number"
  )
}
