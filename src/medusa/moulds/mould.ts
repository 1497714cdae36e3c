/**
 * What the answer of a module's read is made by: which statements it asks, one with the keys that another gave, and how plain data is made of their rows.
 * Medusa makes MikroORM's objects of the rows first, which find each other and watch what becomes of them, and plain data of those: most of the
 * processor's time of a request that reads.
 *
 * What must hold: the same data to the letter. Nothing is taken for known of what a module does. A mould is made of one read that was watched, by what MikroORM
 * says of the fields (fields.ts), and of what it has not seen it says so (pieces.ts).
 *
 * What no mould is made of: what an object computes, keys of several columns, relations whose class is loaded at another
 * place, too; and where a row is there twice nothing is foretold.
 */
import type { EntityMetadata, MetadataStorage, Platform } from "@medusajs/framework/mikro-orm/core"
import { isPlainObject } from "../../engine"
import { pairsIn, pairsOf, placeOf } from "./afterwards"
import { keyName, type Row } from "./fields"
import { type Find, type Finding, findingOf, findOf, mergedFinds, type WatchedFind } from "./finds"
import { mergedPiece, objectOf, type Piece, pieceOf, piecesOf, relationsOf, Unseen } from "./pieces"
import { isSamePath, type Path, Rows } from "./rows"

export interface WatchedRead {
  /** Of what was asked for. */
  text: string
  /** The texts of the ids and times in it. */
  values: readonly string[]
  finds: readonly WatchedFind[]
  answer: readonly unknown[]
}

export class Mould {
  private readonly pieces: readonly Piece[]

  /** @param root undefined where nothing was found yet */
  private constructor(
    private readonly meta: EntityMetadata,
    private readonly metadata: MetadataStorage,
    private readonly finds: readonly Find[],
    private readonly root: Piece | undefined,
  ) {
    this.pieces = root ? piecesOf(root) : []
  }

  /** @returns undefined for a read of which it is not known how others are made like it */
  static of(read: WatchedRead, metadata: MetadataStorage, platform: Platform): Mould | undefined {
    const { answer } = read
    const meta = metadata.find(read.finds[0]?.entity ?? "")
    if (!meta) return undefined
    const found = new Rows(meta, metadata)
    const finds: Find[] = []
    for (const watched of read.finds) {
      const isFirst = finds.length === 0
      const isAfterwards = !isFirst && watched.path.length === 0
      const path = isAfterwards ? placeOf(metadata.find(watched.entity)!, found, answer) : watched.path
      const pairs = isAfterwards ? pairsIn(watched.where, found) : undefined
      if (!path || (isFirst && path.length > 0) || found.has(path) || (isAfterwards && !pairs))
        return undefined
      const keys = isFirst ? undefined : pairs ? pairsOf(pairs, found) : found.keysOf(path)
      const find = findOf({ ...watched, path }, read, keys, pairs)
      if (!find) return undefined
      finds.push(find)
      found.put(path, watched.rows)
    }
    const rows = found.at([])
    const isEmpty = rows.length === 0 && answer.length === 0
    const root = isEmpty ? undefined : pieceOf({ path: [], meta, rows, objects: answer, found, platform })
    if (!(root || isEmpty)) return undefined
    const mould = new Mould(meta, metadata, finds, root)
    return mould.isSound && mould.foretells(read) ? mould : undefined
  }

  /** What either has seen; undefined when they contradict each other. */
  with(other: Mould): Mould | undefined {
    const finds = mergedFinds(this.finds, other.finds)
    const roots = [this.root, other.root].filter((root) => root !== undefined)
    const root = roots.length === 2 ? mergedPiece(roots[0]!, roots[1]!) : roots[0]
    if (!finds || (roots.length > 0 && !root)) return undefined
    const mould = new Mould(this.meta, this.metadata, finds, root)
    return mould.isSound ? mould : undefined
  }

  /**
   * @param ask what the driver is asked by
   * @throws Unseen when there is something of which it was not seen what it is; and what asking throws
   */
  async read(
    values: readonly string[],
    ask: (finding: Finding) => Promise<readonly Row[]>,
  ): Promise<unknown[]> {
    const rows = new Rows(this.meta, this.metadata)
    for (const find of this.finds) {
      const finding = upcoming(find, values, rows)
      if (finding) rows.put(find.path, await ask(finding))
    }
    return this.answerOf(rows)
  }

  /** Whether a read that was watched is what it would have been by this. @throws Unseen as `read` */
  foretells({ values, finds, answer }: WatchedRead): boolean {
    const rows = new Rows(this.meta, this.metadata)
    let known = 0
    for (const find of this.finds) {
      const finding = upcoming(find, values, rows)
      const isIt = ({ path, entity }: WatchedFind) =>
        find.pairs ? path.length === 0 && entity === find.entity : isSamePath(path, find.path)
      const watched = finds.find(isIt)
      if (watched?.text !== finding?.text) return false
      if (!watched) continue
      rows.put(find.path, watched.rows)
      known++
    }
    const foretold = this.answerOf(rows)
    return isSame(foretold, answer) && finds.length === known
  }

  private answerOf(rows: Rows): unknown[] {
    const found = rows.at([])
    if (this.hasTwice(rows) || (found.length > 0 && !this.root)) throw new Unseen()
    return found.map((row) => objectOf(this.root!, row, rows))
  }

  /** Whether there is a row twice, at one place or at two: MikroORM makes one object of both, and shows what either has. */
  private hasTwice(rows: Rows): boolean {
    const keys = new Map<EntityMetadata, Set<unknown>>()
    return this.pieces.some(({ path, meta }) => {
      if (meta.primaryKeys.length > 1) return false
      const seen = keys.get(meta) ?? new Set()
      keys.set(meta, seen)
      const before = seen.size
      const found = rows.at(path)
      for (const row of found) seen.add(row[keyName(meta)])
      return seen.size < before + found.length
    })
  }

  /** Whether nothing that is shown by its key alone is of a class that is loaded, and nothing is within another of its class. */
  private get isSound(): boolean {
    const loaded = new Set(this.pieces.map(({ meta }) => meta))
    const isWithinOther = ({ path, meta }: Piece) =>
      this.pieces.some(
        (piece) => piece.meta === meta && piece.path.length < path.length && leadsTo(piece.path, path),
      )
    const isByKey = (piece: Piece) =>
      relationsOf(piece).some(({ from, property }) => from === "key" && loaded.has(property.targetMeta!))
    return !this.pieces.some((piece) => isWithinOther(piece) || isByKey(piece))
  }
}

const leadsTo = (path: Path, other: Path) => path.every((name, i) => other[i] === name)

/** @returns undefined where there is nothing to ask it by */
function upcoming(find: Find, values: readonly string[], rows: Rows): Finding | undefined {
  const { path, pairs } = find
  if (path.length === 0) return findingOf(find, values, [])
  const keys = pairs ? pairsOf(pairs, rows) : rows.keysOf(path)
  return keys.length > 0 ? findingOf(find, values, keys) : undefined
}

/** Data of the same kinds, in the same order. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false
  if (one instanceof Date) return other instanceof Date && one.getTime() === other.getTime()
  const isList = Array.isArray(one)
  const isPlain = isList ? Array.isArray(other) : isPlainObject(one) && isPlainObject(other)
  const [entries, others] = [Object.entries(one), Object.entries(other)]
  const isSameEntry = ([name, value]: [string, unknown], i: number) =>
    name === others[i]![0] && isSame(value, others[i]![1])
  return isPlain && entries.length === others.length && entries.every(isSameEntry)
}
