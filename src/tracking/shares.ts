/**
 * Of rows that were loaded together, what each depends on. A value belongs to the rows it was found through: a product's
 * id to the product, its variants' ids to it because they were looked up by its id, and so on. What a value was not seen to
 * lead to belongs to all. Values are told apart by their hashes, as in tags.
 */
import { hash } from "./dependencies"

/** Longer texts are no keys. */
const longestKey = 64

export class Shares {
  private readonly owners = new Map<string, Set<string>>()
  private isGivenUp = false

  /** @param ids of the rows, as they are looked up */
  constructor(private readonly ids: readonly string[]) {
    for (const id of ids) this.owners.set(hash(id), new Set([id]))
  }

  /** A statement gave these rows. @param by the columns of the rows by whose values they were looked up */
  note(rows: readonly Record<string, unknown>[], by: readonly string[]): void {
    for (const row of rows) {
      const owners = by.length === 0 ? this.ids : by.flatMap((column) => [...this.ownersOf(row[column])])
      for (const value of Object.values(row)) {
        if (!isKey(value)) continue
        const at = hash(String(value))
        const known = this.owners.get(at)
        if (known) for (const owner of owners) known.add(owner)
        else this.owners.set(at, new Set(owners))
      }
    }
  }

  /** Something was read that was not seen: everything belongs to all. */
  giveUp(): void {
    this.isGivenUp = true
  }

  /** @returns those of the tags that concern the row */
  of(id: string, tags: readonly string[]): readonly string[] {
    if (this.isGivenUp) return tags
    return tags.filter((tag) => {
      const at = tag.indexOf("=")
      const owners = at < 0 ? undefined : this.owners.get(tag.slice(at + 1))
      return owners === undefined || owners.has(id)
    })
  }

  private ownersOf(value: unknown): Iterable<string> {
    return this.owners.get(hash(String(value))) ?? this.ids
  }
}

const isKey = (value: unknown) =>
  typeof value === "number" || (typeof value === "string" && value.length <= longestKey)
