/**
 * The feed of PostgreSQL: triggers that notify (triggers.ts) and one connection that listens.
 *
 * PostgreSQL delivers notifications in the order of commits. So a notification of our own, sent on the listening
 * connection, comes back after those of every commit before it: that is the proof of life (twice a second) and the
 * answer to "has everything been told that was committed before now?" (`settled`). The connection must be direct:
 * behind a pooler in transaction mode notifications are lost, and the proof does not come back.
 *
 * A connection that was lost has missed changes: it listens first, reads the catalog anew, and only then says that
 * there was a gap.
 */
import { channel as diagnosticsChannel } from "node:diagnostics_channel"
import { Client, type ClientConfig } from "pg"
import type { Catalog, Change } from "../tracking"
import { Agenda } from "./agenda"
import { readCatalog } from "./catalog"
import { lookIn } from "./client"
import type { Feed, FeedEvents } from "./feed"
import { channel } from "./triggers"

export interface PostgresFeedOptions extends FeedEvents {
  /** Of a direct connection, not through a pooler in transaction mode. */
  connection: ClientConfig
  /** Of the store's tables. Default: what the connection has. */
  schema?: string | undefined
  /** How long one proof of life is worth, in milliseconds. Default 2,000. */
  trustWindow?: number
}

/** Told of each change that is heard: how long it was on its way, in milliseconds. */
const lag = diagnosticsChannel("pegasus:feed:lag")
const proofsPerWindow = 4
/** The pause before it connects again, in milliseconds. */
const reconnectAfter = 250
/** Milliseconds. */
const connectTimeout = 5_000
const rememberedLags = 1_000

/** Connects in the background and for ever. Untrusted until it listens. */
export function postgresFeed(options: PostgresFeedOptions): Feed {
  return new PostgresFeed(options)
}

const nothing: Catalog = {
  isKnown: false,
  schema: "",
  tables: new Map(),
  isTable: () => false,
  leads: () => false,
  isHarmless: () => false,
  spreads: () => true,
}

class PostgresFeed implements Feed {
  catalog: Catalog = nothing
  untold: readonly string[] = []
  private readonly trustWindow: number
  private readonly mark = `proof:${Math.random().toString(36).slice(2)}:`
  private readonly timer: NodeJS.Timeout
  private readonly recentLags: number[] = []
  private readonly agenda = new Agenda((sql) => this.query(sql))
  private proofNumber = 0
  /** The number of the last proof that came back. */
  private provenNumber = 0
  /** The attempt to connect that is under way, or the last one. */
  private connecting: Promise<void>
  private client: Client | undefined
  private trustedUntil = 0
  private trustedFrom = 0
  private toldTrust: boolean | undefined
  private hasListened = false
  /** How often it asked for a proof since it last connected or proved to be alive: a busy process asks less, and hears later. */
  private asked = 0
  private closed = false
  private proving: Promise<boolean> | undefined
  private nextProof: Promise<boolean> | undefined

  constructor(private readonly options: PostgresFeedOptions) {
    this.trustWindow = options.trustWindow ?? 2_000
    this.connecting = this.connect()
    this.timer = setInterval(() => this.tick(), this.trustWindow / proofsPerWindow)
    this.timer.unref()
  }

  trusted(now: number): boolean {
    return now < this.trustedUntil && now >= this.trustedFrom
  }

  quietFor(tables: Iterable<string>, since: number): Promise<number> {
    return this.agenda.quietFor(tables, since)
  }

  lags(): readonly number[] {
    return this.recentLags
  }

  async settled(budget: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, budget, false)
    })
    const result = await Promise.race([this.connecting.then(() => this.proofFromNowOn()), late])
    clearTimeout(timer)
    return result
  }

  async close(): Promise<void> {
    this.closed = true
    clearInterval(this.timer)
    this.trustedUntil = 0
    const { client } = this
    this.client = undefined
    await client?.end().catch(() => undefined)
  }

  private tick(): void {
    this.asked++
    if (this.client && this.asked > proofsPerWindow) this.tellTrust(false)
    // A connection that carries nothing may have died without a word.
    if (this.client && this.asked > 4 * proofsPerWindow) destroy(this.client)
    const isProven =
      this.trusted(Date.now()) && Date.now() - this.trustedFrom < this.trustWindow / proofsPerWindow
    if (!isProven) void this.prove()
  }

  private async connect(): Promise<void> {
    const client = new Client({
      keepAlive: true,
      connectionTimeoutMillis: connectTimeout,
      application_name: "pegasus feed",
      ...this.options.connection,
    })
    let ended = false
    const lost = (cause?: unknown) => {
      if (ended) return
      ended = true
      this.lost(client, cause)
    }
    client.on("error", lost)
    client.on("end", () => lost())
    client.on("notification", ({ payload }) => this.hear(payload ?? ""))
    try {
      await client.connect()
      await lookIn(client, this.options.schema)
      await client.query(`listen ${channel}`)
      await this.learn(client)
      if (this.closed || ended) throw new Error("closed")
      this.client = client
      this.asked = 0
      if (this.hasListened) this.options.onGap()
      this.hasListened = true
      await this.prove()
    } catch (cause) {
      client.end().catch(() => undefined)
      lost(cause)
    }
  }

  private async learn(client: Client): Promise<void> {
    const { catalog, wanted } = await readCatalog(client)
    this.catalog = catalog
    this.untold = wanted.filter(({ isInstalled }) => !isInstalled).map(({ table }) => table)
    this.agenda.forget()
  }

  /** The triggers are not what they were: what was read by the old catalog is unknown. */
  private relearn(): void {
    if (this.client) destroy(this.client)
  }

  private async query(sql: string): Promise<Record<string, unknown>[]> {
    if (!this.client) throw new Error("The feed is not connected")
    return (await this.client.query(sql)).rows
  }

  private lost(client: Client, cause: unknown): void {
    if (this.client === client) this.client = undefined
    this.trustedUntil = 0
    this.proving = undefined
    if (this.closed) return
    this.tellTrust(false, cause)
    setTimeout(() => {
      this.connecting = this.connect()
    }, reconnectAfter).unref()
  }

  private tellTrust(trusted: boolean, cause?: unknown): void {
    if (trusted === this.toldTrust) return
    this.toldTrust = trusted
    this.options.onTrust(trusted, cause)
  }

  /** One proof is under way at a time; who asks meanwhile shares the next, which begins after the asking. */
  private proofFromNowOn(): Promise<boolean> {
    if (!this.proving) return this.prove()
    this.nextProof ??= this.proving.then(() => {
      this.nextProof = undefined
      return this.prove()
    })
    return this.nextProof
  }

  private prove(): Promise<boolean> {
    this.proving ??= this.askForProof().finally(() => {
      this.proving = undefined
    })
    return this.proving
  }

  private async askForProof(): Promise<boolean> {
    const { client } = this
    if (!client) return false
    const number = ++this.proofNumber
    const sentAt = Date.now()
    try {
      await client.query(`select pg_notify('${channel}', $1)`, [`${this.mark}${number}`])
    } catch {
      return false
    }
    // Notifications of the own connection come before the end of the query that sent them.
    if (this.provenNumber !== number || this.client !== client) return false
    this.asked = 0
    this.trustedFrom = sentAt
    this.trustedUntil = sentAt + this.trustWindow
    if (this.trusted(Date.now())) this.tellTrust(true)
    return true
  }

  private hear(payload: string): void {
    if (payload.startsWith("proof:")) {
      if (payload.startsWith(this.mark)) this.provenNumber = Number(payload.slice(this.mark.length))
      return
    }
    try {
      const { s: schema, t: table, o: kind, c: columns, k: keys, at } = JSON.parse(payload)
      if (this.catalog.isKnown && schema !== this.catalog.schema) return
      if (kind === "relearn") {
        this.relearn()
        return
      }
      if (at !== undefined) this.noteLag(Date.now() - at)
      this.agenda.forget(table)
      const told = keys ?? {}
      const isWhole = [...(this.catalog.tables.get(table)?.keys ?? [])].every((key) => key in told)
      this.options.onChanges([
        isWhole ? { table, kind: kinds[kind] ?? "many", columns, keys: told } : { table, kind: "many" },
      ])
    } catch {
      // Not ours: the channel is open to all.
      this.options.onGap()
    }
  }

  private noteLag(milliseconds: number): void {
    if (lag.hasSubscribers) lag.publish({ milliseconds })
    this.recentLags.push(Math.max(0, milliseconds))
    if (this.recentLags.length > rememberedLags) this.recentLags.shift()
  }
}

/** Without waiting for the other side: it may not be there. */
function destroy(client: Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

const kinds: Record<string, Change["kind"]> = { i: "insert", u: "update", d: "delete", "!": "many" }
