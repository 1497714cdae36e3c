/**
 * A link is written without MikroORM's objects and transactions in between, once it is known how: two ids, an id of its own, and when it was made. The first are looked at; those after
 * must be as the first lets expect, and so must one of many later on. What is refused is done as ever, and refused in Medusa's words.
 *
 * The seam: `create` of the services of links, for one link that is not part of somebody's transaction; the transaction that it begins, and its inner service's
 * `create` (link-modules/dist/services/link-module-service.js:87 and link.js:28, 2.21.2). Events are Medusa's.
 */
import { generateEntityId } from "@medusajs/framework/utils"
import type { Response } from "../tracking"
import { takeFree } from "./free-connections"
import type { Database, Freshness } from "./freshness"
import { isHeardOnlyHere, type Pooled, type Query } from "./knex-client"
import { type Method, type Service, tableOf } from "./module-reads"
import { isOfOther, statementOfSingle, writtenLinks } from "./single-writes"

/** How often a link must have been foretold before one is written by that, and which of those has to be foretold then. */
const fewestProofs = 2
const provenOneOf = 500
/** What needs no quoting. */
const plainId = /^\w{1,100}$/
const madeAt = / returning "created_at", "updated_at"$/

interface Context extends Record<string, unknown> {
  manager?: unknown
  transactionManager?: unknown
}

type Row = Record<string, unknown>
type Transact = (task: (manager: unknown) => unknown, options?: Context) => unknown
type Create = (rows: readonly Row[], context?: Context) => Promise<unknown>

/** What is used of MikroORM. */
interface Manager {
  getConnection(): { getKnex(): unknown }
  getPlatform(): { parseDate(text: unknown): unknown }
  config: { getLogger(): { isEnabled(namespace: string): boolean } }
}

/** What is used of knex's. */
interface Client extends Required<Pooled> {
  _query(connection: object, query: Query): Promise<Query>
}

interface LinkService extends Service {
  primaryKey_: readonly string[]
  foreignKey_: string
  baseRepository_: { manager_: Manager; transaction: Transact }
  linkService_: { create: Create }
}

/** How one is written. */
interface Wording {
  /** Between the values. */
  parts: readonly string[]
  /** The names of the columns whose values stand between them. */
  names: readonly string[]
  /** Of what is given, in its order. */
  given: readonly string[]
  prefix: string
}

/** In place of the manager of a transaction that none begins. */
const none = {}

/**
 * @param warn told what was not as it was foretold
 * @returns false when Medusa is not as expected, and nothing was changed
 */
export function writeLinksPlainly(
  database: Database,
  freshness: Pick<Freshness, "noted">,
  warn: (message: string) => void,
): boolean {
  const links = writtenLinks()
  const write = writeAlone(database, freshness)
  if (!write || typeof generateEntityId !== "function") return false
  if (links.length === 0 || !links.every(isAsRead)) return false
  const isOnlyHere = isHeardOnlyHere(database)
  for (const link of links) {
    const { manager_: manager } = link.baseRepository_
    if (manager.getConnection().getKnex() !== database) continue
    const isAsEver = () => !isOnlyHere() || manager.config.getLogger().isEnabled("query")
    new PlainLinks(link, { write, isAsEver, warn }).take()
  }
  return true
}

export function isAsRead(service: Service): service is LinkService {
  const { primaryKey_, foreignKey_, baseRepository_, linkService_ } = service as Partial<LinkService>
  const { manager_, transaction } = baseRepository_ ?? {}
  const functions = [linkService_?.create, transaction, manager_?.getConnection, manager_?.getPlatform]
  return (
    Array.isArray(primaryKey_) &&
    typeof foreignKey_ === "string" &&
    typeof manager_?.config?.getLogger === "function" &&
    functions.every((one) => typeof one === "function")
  )
}

interface PlainLinksOptions {
  /** Writes by a statement of its own. Rejects with what PostgreSQL refuses it with. */
  write(sql: string): Promise<Response>
  isAsEver(): boolean
  warn(message: string): void
}

/** Of one kind. */
export class PlainLinks {
  private wording: Wording | "never the same" | undefined
  private proofs = 0
  private uses = 0

  constructor(
    private readonly service: LinkService,
    private readonly options: PlainLinksOptions,
  ) {}

  take(): void {
    const links = this
    const { service } = this
    const { baseRepository_: repository, linkService_: inner } = service
    const create = service.create as Method
    const transact = repository.transaction.bind(repository)
    const createInner = inner.create.bind(inner)
    repository.transaction = (task, options) =>
      options?.manager === none ? task(none) : transact(task, options)
    inner.create = async (rows, context) => {
      if (context?.transactionManager !== none) return createInner(rows, context)
      try {
        return [await links.write(rows[0]!)]
      } catch {
        return createInner(rows, { ...context, manager: undefined, transactionManager: undefined })
      }
    }
    service.create = function (this: unknown, ...given: unknown[]) {
      return links.create(given, (context) =>
        create.apply(this, context ? [given[0], undefined, undefined, context] : given),
      )
    }
  }

  private async create(
    given: readonly unknown[],
    make: (context?: Context) => Promise<unknown>,
  ): Promise<unknown> {
    if (this.wording === "never the same" || !this.isOne(given) || this.options.isAsEver()) return make()
    const isKnown = this.wording !== undefined && this.proofs >= fewestProofs
    if (isKnown && ++this.uses % provenOneOf !== 0) return make({ ...(given[3] as object), manager: none })
    const { answer, sql } = await statementOfSingle(() => make())
    this.learn(sql, answer)
    return answer
  }

  /** Of two ids that need no quoting, and nothing else. */
  private isOne([links, foreignKey, extra, context]: readonly unknown[]): boolean {
    if (isOfOther(context)) return false
    if (foreignKey !== undefined || extra !== undefined || !Array.isArray(links)) return false
    const [[one, other, more = {}] = []] = links as [unknown, unknown, object?][]
    const areIds = [one, other].every((id) => typeof id === "string" && plainId.test(id))
    const { length } = this.service.primaryKey_
    return links.length === 1 && length === 1 && areIds && Object.keys(more).length === 0
  }

  private learn(sql: string | undefined, answer: unknown): void {
    const [row] = Array.isArray(answer) && answer.length === 1 ? (answer as Row[]) : []
    const seen = row && sql !== undefined ? wordingOf(sql, row, this.columns) : undefined
    if (!seen) {
      this.wording = "never the same"
      return
    }
    const isForetold = JSON.stringify(seen) === JSON.stringify(this.wording)
    if (!isForetold && this.proofs >= fewestProofs) {
      this.options.warn(
        `Pegasus: links in ${tableOf(this.service)} are not made as expected; they are made as ever from now on.`,
      )
      this.wording = "never the same"
      return
    }
    this.proofs = isForetold ? this.proofs + 1 : 0
    this.wording = seen
  }

  private get columns(): readonly string[] {
    return [...this.service.primaryKey_, this.service.foreignKey_]
  }

  private async write(row: Row): Promise<Row> {
    const { parts, names, given, prefix } = this.wording as Wording
    // In the row that Medusa's service then tells of.
    Object.assign(row, { id: generateEntityId(undefined, prefix), deleted_at: null })
    const sql = parts.reduce((text, part, index) => `${text}${row[names[index - 1]!]}${part}`)
    const { rows } = await this.options.write(sql)
    const platform = this.service.baseRepository_.manager_.getPlatform()
    const dateOf = (at: unknown) => (at instanceof Date ? at : platform.parseDate(at))
    return Object.fromEntries(
      given.map((name) => [name, name in rows[0]! ? dateOf(rows[0]![name]) : row[name]]),
    )
  }
}

/** @returns undefined when it is not known how others are made like it */
function wordingOf(sql: string, row: Row, columns: readonly string[]): Wording | undefined {
  const { id, created_at, updated_at, deleted_at, ...ids } = row
  const own = [...columns, "id"]
  const areMade = [created_at, updated_at].every((at) => at instanceof Date) && deleted_at === null
  const isWhole = Object.keys(ids).length === columns.length && columns.every((name) => name in ids)
  if (!areMade || !isWhole || !madeAt.test(sql)) return undefined
  const places = own.map((name) => ({ name, at: sql.indexOf(`'${row[name]}'`) + 1 }))
  const isOnce = ({ name, at }: { name: string; at: number }) =>
    at > 0 && sql.indexOf(`'${row[name]}'`, at) < 0 && plainId.test(String(row[name]))
  if (!places.every(isOnce)) return undefined
  places.sort((one, other) => one.at - other.at)
  let from = 0
  const before = places.map(({ name, at }) => {
    const part = sql.slice(from, at)
    from = at + String(row[name]).length
    return part
  })
  const prefix = String(id).slice(0, String(id).lastIndexOf("_"))
  return {
    parts: [...before, sql.slice(from)],
    names: places.map(({ name }) => name),
    given: Object.keys(row),
    prefix,
  }
}

/**
 * Writes in a transaction of one statement, of which only the statement reaches PostgreSQL where transactions are folded.
 * @returns undefined when knex is not as expected
 */
export function writeAlone(
  database: Pick<Database, "client">,
  freshness: Pick<Freshness, "noted">,
): PlainLinksOptions["write"] | undefined {
  const client = database.client as unknown as Client
  const { _query: send, acquireConnection, releaseConnection } = client
  const functions = [send, acquireConnection, releaseConnection]
  if (!functions.every((one) => typeof one === "function")) return undefined
  // To knex's client as those of transactions are.
  const own: Client = Object.create(client)
  const ask = async (sql: string) => {
    const connection = takeFree(client.pool) ?? (await client.acquireConnection())
    try {
      await own._query(connection, { sql: "BEGIN;" })
      try {
        const { response } = await own._query(connection, { sql, bindings: [], options: {} })
        await own._query(connection, { sql: "COMMIT;" })
        return response!
      } catch (error) {
        await own._query(connection, { sql: "ROLLBACK" })
        throw error
      }
    } finally {
      await client.releaseConnection(connection)
    }
  }
  return (sql) => statementOfSingle(() => freshness.noted(sql, () => ask(sql))).then(({ answer }) => answer)
}
