/** The rows that were found for a read, by the relations that lead to them. */
import type { EntityMetadata, EntityProperty, MetadataStorage } from "@medusajs/framework/mikro-orm/core"
import { isPlainObject } from "../../engine"
import { keyIn, keyName, propertyOf, type Row, relatedIn } from "./fields"

/** The relations that lead to something, from the answer. */
export type Path = readonly string[]

export const isSamePath = (path: Path, other: Path) => path.join(".") === other.join(".")

export class Rows {
  private readonly found = new Map<string, readonly Row[]>()
  private readonly byKey = new Map<string, Map<unknown, Row[]>>()

  /** @param meta of what is read */
  constructor(
    private readonly meta: EntityMetadata,
    private readonly metadata: MetadataStorage,
  ) {}

  put(path: Path, rows: readonly Row[]): void {
    this.found.set(path.join("."), rows)
  }

  /** Whether a statement of its own was asked for a place. */
  has(path: Path): boolean {
    return this.found.has(path.join("."))
  }

  /** All rows of a place: what was found for it, or is in the rows around. */
  at(path: Path): readonly Row[] {
    const found = this.found.get(path.join("."))
    const pivot = found && this.pivotOf(path)
    if (pivot) return found.map((row) => row[pivot.target] as Row)
    if (found || path.length === 0) return found ?? []
    const name = path.at(-1)!
    return this.at(path.slice(0, -1))
      .flatMap((row) => [row[name]].flat())
      .filter(isPlainObject) as Row[]
  }

  /** All places that have rows. */
  get paths(): Path[] {
    const paths: Path[] = [[]]
    for (const path of paths) {
      const around = this.at(path)
      for (const { name, mapToPk } of this.metaAt(path).relations) {
        const isThere = () => around.some((row) => [row[name]].flat().some(isPlainObject))
        if (!mapToPk && (this.has([...path, name]) || isThere())) paths.push([...path, name])
      }
    }
    return paths
  }

  /** By what the rows of a place are asked for. */
  keysOf(path: Path): unknown[] {
    const keys = this.at(path.slice(0, -1)).map((row) => this.keyOf(row, path))
    return [...new Set(keys)].filter((key) => key != null)
  }

  /** Those of a place that belong to a row around. */
  of(row: Row, path: Path): readonly Row[] {
    return this.indexed(path).get(this.keyOf(row, path)) ?? []
  }

  /** By what a row asks for those of a place. */
  private keyOf(row: Row, path: Path): unknown {
    const { property, around } = this.relationAt(path)
    return isToMany(property) ? row[keyName(around)] : keyIn(relatedIn(row, property, around), property)
  }

  private indexed(path: Path): Map<unknown, Row[]> {
    const name = path.join(".")
    const known = this.byKey.get(name)
    if (known) return known
    const { property } = this.relationAt(path)
    const target = property.targetMeta!
    const pivot = this.pivotOf(path)
    const owner = property.kind === "1:m" ? propertyOf(property.mappedBy, target)! : undefined
    const rows = new Map<unknown, Row[]>()
    const put = (key: unknown, row: Row) => {
      if (!rows.has(key)) rows.set(key, [])
      rows.get(key)!.push(row)
    }
    if (pivot) for (const row of this.found.get(name) ?? []) put(row[pivot.owner], row[pivot.target] as Row)
    else
      for (const row of this.at(path)) put(owner ? keyIn(row[owner.name], owner) : row[keyName(target)], row)
    this.byKey.set(name, rows)
    return rows
  }

  /** Of the rows of a table between (@mikro-orm/knex/AbstractSqlDriver.js:809, 6.6): in which fields they have what they belong to, and what is related. */
  private pivotOf(path: Path): { owner: string; target: string } | undefined {
    const property = path.length > 0 ? this.relationAt(path).property : undefined
    if (property?.kind !== "m:n") return undefined
    const [first, second] = this.metadata.find(property.pivotEntity)!.relations
    const [owner, target] = property.owner ? [first!, second!] : [second!, first!]
    return { owner: owner.name, target: target.name }
  }

  metaAt(path: Path): EntityMetadata {
    return path.length === 0 ? this.meta : this.relationAt(path).property.targetMeta!
  }

  private relationAt(path: Path): { property: EntityProperty; around: EntityMetadata } {
    const around = this.metaAt(path.slice(0, -1))
    return { property: propertyOf(path.at(-1)!, around)!, around }
  }
}

export const isToMany = ({ kind }: EntityProperty) => kind === "1:m" || kind === "m:n"
