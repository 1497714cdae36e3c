/**
 * Of rows that were loaded together, what each depends on. A row leads from the values it was looked up by to all that it
 * holds, and so on: what can be reached from a product's id concerns the product. What cannot be reached from any concerns all.
 * Values are told apart by their hashes, as in tags.
 */
import { hash } from "./dependencies"

/** Longer texts are no keys. */
const longestKey = 64

export class Shares {
  /** From a value to those of the rows that were looked up by it. */
  private readonly leads = new Map<string, Set<string>>()
  private readonly common = new Set<string>()
  private owners: Map<string, Set<string>> | undefined
  private isGivenUp = false

  /** @param ids of the rows, as they are looked up */
  constructor(private readonly ids: readonly string[]) {}

  /** A statement gave these rows. @param by the columns of the rows by whose values they were looked up */
  note(rows: readonly Record<string, unknown>[], by: readonly string[]): void {
    for (const row of rows) {
      const values = Object.values(row).filter(isKey).map(hashOf)
      if (by.length === 0) for (const value of values) this.common.add(value)
      for (const column of by) {
        const from = hashOf(row[column])
        const led = this.leads.get(from) ?? new Set()
        for (const value of values) led.add(value)
        this.leads.set(from, led)
      }
    }
  }

  /** Something was read that was not seen: everything concerns all. */
  giveUp(): void {
    this.isGivenUp = true
  }

  /** @returns those of the tags that concern the row */
  of(id: string, tags: readonly string[]): readonly string[] {
    if (this.isGivenUp) return tags
    this.owners ??= this.follow()
    const owners = this.owners
    return tags.filter((tag) => {
      const at = tag.indexOf("=")
      const found = at < 0 ? undefined : owners.get(tag.slice(at + 1))
      return found === undefined || found.has(id)
    })
  }

  private follow(): Map<string, Set<string>> {
    const owners = new Map<string, Set<string>>()
    for (const id of this.ids) {
      const open = [hashOf(id)]
      for (let value = open.pop(); value !== undefined; value = open.pop()) {
        const known = owners.get(value) ?? new Set()
        if (known.has(id)) continue
        owners.set(value, known.add(id))
        open.push(...(this.leads.get(value) ?? []))
      }
    }
    // What hangs on something common concerns all.
    const open = [...this.common]
    const seen = new Set<string>()
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      if (seen.has(value)) continue
      seen.add(value)
      owners.delete(value)
      open.push(...(this.leads.get(value) ?? []))
    }
    return owners
  }
}

const hashOf = (value: unknown) => hash(String(value))
const isKey = (value: unknown) =>
  typeof value === "number" || (typeof value === "string" && value.length <= longestKey)
