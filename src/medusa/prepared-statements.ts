/**
 * What is asked again and again is prepared. PostgreSQL reads and plans a statement each time it is asked: of an order, a join of thirteen tables, two
 * milliseconds, ten times what it takes to find its one row. A connection on which one was asked before keeps it, and then asks
 * for it by its name, with its values (`prepare`, `execute`).
 *
 * What must hold: a name is made of its statement. Whoever prepared it, and wherever: what has the name is the statement, also behind a pooler that gives
 * connections of PostgreSQL from one store to another. Where it is not there any more, or a table has other columns now, PostgreSQL refuses
 * to execute it: it is asked as it was, and that must be possible. So only what reads is asked by name, outside of transactions, as the first thing one does, or after its
 * commit.
 *
 * The seam: `releaseConnection` of knex's client (knex/lib/client.js:419, 3.2). What is to be prepared is before the connection goes to somebody else:
 * nobody waits for it but who has just been answered, once.
 */
import { createHash } from "node:crypto"
import { LRUCache } from "lru-cache"
import type { Database } from "./freshness"

/** How often a statement is asked on a connection before it is prepared there. */
const fewestUses = 3
/** Statements that are prepared on a connection: PostgreSQL keeps some 180 kB for each. */
const mostPrepared = 100
/** Of a connection that has as many, how many others were asked since one was that makes room for another: a little more than has room would otherwise drive itself out all the time. */
const longUnused = 10 * mostPrepared
const mostShapes = 1_000
const longestText = 32_000

/** Statements that differ in their texts alone. */
interface Shape {
  /** The statement, with parameters. */
  text: string
  name: string
  /** Whether PostgreSQL does not prepare it. */
  isRefused: boolean
}

interface Connection {
  query?(text: string, answered: (error: unknown) => void): void
}

/** What is used of knex's client. */
interface Client {
  releaseConnection(connection: Connection): unknown
}

export class PreparedStatements {
  private readonly shapes = new LRUCache<string, Shape>({ max: mostShapes })
  private readonly connections = new WeakMap<object, OnConnection>()
  /** From when it is taken until something is lost. */
  private isOn = false

  constructor(private readonly warn: (message: string) => void) {}

  /** @returns false when it is not as expected, and nothing was changed */
  take({ client }: Database): boolean {
    const prototype = Object.getPrototypeOf(client) as Client
    const { releaseConnection: release } = prototype
    if (typeof release !== "function") return false
    const dueOn = (connection: Connection) => {
      const known = this.isOn ? this.connections.get(connection) : undefined
      return known?.isDue ? known : undefined
    }
    prototype.releaseConnection = function (connection) {
      const letGo = () => release.call(this, connection)
      const due = dueOn(connection)
      if (!due) return letGo()
      void due.prepare(connection).then(letGo)
      return Promise.resolve()
    }
    this.isOn = true
    return true
  }

  /**
   * @param connection of the store's database
   * @param sql a statement that only reads, without parameters
   * @returns what asks for the same there
   */
  worded(connection: object, sql: string): string {
    if (!this.isOn || sql.length > longestText) return sql
    const { skeleton, texts } = withoutTexts(sql)
    const shape = this.shapeOf(skeleton)
    if (!shape || shape.isRefused) return sql
    const known = this.connections.get(connection) ?? new OnConnection()
    this.connections.set(connection, known)
    if (!known.asks(shape)) return sql
    return texts.length > 0 ? `execute "${shape.name}"(${texts.join(", ")})` : `execute "${shape.name}"`
  }

  /** @param error what asking for `worded` was refused with @returns whether it is to be asked as it was */
  isLost(error: unknown, connection: object, worded: readonly string[]): boolean {
    const { code } = error as { code?: unknown }
    const names = worded.flatMap((text) => asked.exec(text)?.[1] ?? [])
    if (names.length === 0 || (code !== notThere && code !== otherColumns)) return false
    this.connections.get(connection)?.forget(names)
    if (code === notThere && this.isOn) {
      this.isOn = false
      this.warn(
        "Pegasus: what was prepared on a connection to PostgreSQL is not there any more, as behind a pooler of transactions (PgBouncer). Statements are asked whole from now on.",
      )
    }
    return true
  }

  /** Undefined when it is not a statement that may be prepared. */
  private shapeOf(skeleton: string): Shape | undefined {
    const known = this.shapes.get(skeleton)
    if (known) return known
    if (unprepared.test(skeleton) || hidesTexts(skeleton)) return undefined
    let count = 0
    const text = skeleton.replaceAll("'", () => `$${++count}`)
    const name = `pegasus ${createHash("sha256").update(text).digest("hex").slice(0, 40)}`
    const shape = { text, name, isRefused: false }
    this.shapes.set(skeleton, shape)
    return shape
  }
}

/** What is prepared on a connection. */
class OnConnection {
  private asked = 0
  private readonly uses = new LRUCache<Shape, number>({ max: mostShapes })
  /** When each was asked last. */
  private readonly prepared = new LRUCache<Shape, number>({
    max: mostPrepared,
    noDisposeOnSet: true,
    dispose: (_, { name }) => this.dropped.add(name),
  })
  private readonly wanted = new Set<Shape>()
  private readonly dropped = new Set<string>()

  /** @returns whether it is prepared */
  asks(shape: Shape): boolean {
    this.asked++
    if (this.prepared.has(shape)) {
      this.prepared.set(shape, this.asked)
      return true
    }
    const uses = (this.uses.get(shape) ?? 0) + 1
    this.uses.set(shape, uses)
    if (uses >= fewestUses && this.hasRoom) this.wanted.add(shape)
    return false
  }

  private get hasRoom(): boolean {
    const [oldest = this.asked] = this.prepared.rvalues()
    return this.prepared.size < mostPrepared || this.asked - oldest > longUnused
  }

  get isDue(): boolean {
    return this.wanted.size + this.dropped.size > 0
  }

  forget(names: readonly string[]): void {
    for (const shape of [...this.prepared.keys()]) if (names.includes(shape.name)) this.prepared.delete(shape)
  }

  /** Never rejects. */
  async prepare(connection: Connection): Promise<void> {
    const tell = (text: string) =>
      new Promise<unknown>((resolve) => connection.query!(text, (error) => resolve(error)))
    const letGo = async () => {
      for (const name of this.dropped) await tell(`deallocate "${name}"`)
      this.dropped.clear()
    }
    await letGo()
    for (const shape of this.wanted) {
      const error = (await tell(`prepare "${shape.name}" as ${shape.text}`)) as { code?: string } | null
      if (!error || error.code === alreadyThere) this.prepared.set(shape, this.asked)
      else shape.isRefused ||= cannotBe.test(error.code ?? "")
    }
    this.wanted.clear()
    await letGo()
  }
}

/** Of PostgreSQL: invalid_sql_statement_name, feature_not_supported ("cached plan must not change result type"), duplicate_prepared_statement. */
const [notThere, otherColumns, alreadyThere] = ["26000", "0A000", "42P05"]
/** What is wrong with the statement itself. */
const cannotBe = /^(?:42|0A)/

const asked = /^execute "([^"]+)"/
/** Where texts may hide in other ways; several statements; and of what is cut off the plan for any values is often a bad one for these. */
const unprepared = /--|\/\*|[$;]|\b(?:[ebxn]|u&)'|\blimit\b|\bfetch\b/i

/** A statement with `'` for each of its texts, and these as they are written. */
function withoutTexts(sql: string): { skeleton: string; texts: string[] } {
  const texts: string[] = []
  const skeleton = sql.replace(/'(?:[^']|'')*'/g, (text) => {
    texts.push(text)
    return "'"
  })
  return { skeleton, texts }
}

/** Whether what was taken for a text may have begun within a name. */
const hidesTexts = (skeleton: string) =>
  skeleton.replace(/"[^"]*"/g, (name) => (name.includes("'") ? name : "")).includes('"')
