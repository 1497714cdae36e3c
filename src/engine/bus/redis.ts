/**
 * The bus over Redis: a log of the tags that moved, and one channel that announces each movement.
 *
 * State in Redis, one key, so that it is there whole or not at all: a sorted set. Member "!<epoch>:<floor>"
 * has the score +inf; every tag that moved, as "#<tag>", has the number of its last movement; "." has the last
 * number of all. A demand (ledger.ts) that moved is "@<tag>:<number of its first movement>" instead, with the score +inf. The log is
 * bounded: beyond `maxTags` the oldest are dropped and the floor rises. It has a time to live, renewed by
 * every beat, longer than an entry may live. An epoch begins with the run id of its Redis: a server that
 * restarted or was promoted may have forgotten a movement, so a new run id starts another epoch. Every script asks
 * its server for it (INFO), so there is no moment between the asking and the use; without the right to ask, a
 * process does not join.
 *
 * A process subscribes first and reads the log after, so nothing falls between. Movements carry contiguous
 * numbers; one that is missing sends it back to the log. Twice a second it sends a beat through Redis to
 * itself, on the connection that carries the movements: the beat's return proves that everything recorded
 * before the beat was sent has been applied, and extends the trust by the trust window, counted from the
 * sending. A process that was paused finds its trust run out by the clock, before it answers anything.
 *
 * In a cluster the log lives in one slot and messages reach every node, in no order that is promised: any node
 * is good for listening, since numbers, not arrival, decide.
 *
 * A process that only slept has missed nothing that the log does not tell it. After a time in which Redis was
 * away the log does not tell all: another process may hold in its outbox what it could not record. So who was
 * away gives up everything from before.
 */
import { randomBytes, randomInt } from "node:crypto"
import type { Cluster, Redis } from "ioredis"
import type { Clock } from "../clock"
import type { RedisConnection } from "../connection"
import { demandPrefix, Ledger, type Movement } from "../ledger"
import type { Bus } from "./bus"

/** It writes before it reads: a script that has written may go on writing though memory is full. */
const epochOf = `
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local head = redis.call('ZRANGEBYSCORE', KEYS[1], '+inf', '+inf')[1]
if head and string.sub(head, 2, #run + 1) ~= run then
  redis.call('DEL', KEYS[1])
  head = nil
end
if not head then
  head = '!' .. run .. '-' .. ARGV[1] .. ':0'
  redis.call('ZADD', KEYS[1], '+inf', head, 1, '.')
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local top = redis.call('ZREVRANGEBYSCORE', KEYS[1], '(+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
`
/** KEYS log. ARGV random, ttl, epoch known, number known. Returns head, top, tags and numbers, demands. */
const joinScript = `${epochOf}
local since = '-inf'
if string.sub(head, 2, #ARGV[3] + 2) == ARGV[3] .. ':' then since = '(' .. ARGV[4] end
local moves = redis.call('ZRANGEBYSCORE', KEYS[1], since, '(+inf', 'WITHSCORES')
local demands = redis.call('ZRANGEBYSCORE', KEYS[1], '+inf', '+inf')
table.remove(demands, 1)
return { head, top, moves, demands }
`
/** KEYS log. ARGV random, ttl, channel, tags as JSON, maximum, how demands begin. Returns head and number. */
const moveScript = `${epochOf}
local seq = string.format('%.0f', top + 1)
local function demand(tag)
  local member = '@' .. tag .. ':'
  for _, known in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '+inf', '+inf')) do
    local isSame = string.sub(known, 1, #member) == member
    if isSame and string.find(string.sub(known, #member + 1), '^%d+$') then return end
  end
  redis.call('ZADD', KEYS[1], '+inf', member .. seq)
end
for _, tag in ipairs(cjson.decode(ARGV[4])) do
  if string.sub(tag, 1, #ARGV[6]) == ARGV[6] then demand(tag)
  else redis.call('ZADD', KEYS[1], seq, '#' .. tag) end
end
redis.call('ZADD', KEYS[1], seq, '.')
local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[5])
if excess > 0 then
  excess = excess + math.floor(tonumber(ARGV[5]) / 10)
  local last = redis.call('ZRANGE', KEYS[1], excess - 1, excess - 1, 'WITHSCORES')[2]
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', last)
  redis.call('ZREM', KEYS[1], head)
  head = string.gsub(head, ':%d+$', ':' .. string.format('%.0f', last))
  redis.call('ZADD', KEYS[1], '+inf', head, seq, '.')
end
redis.call('PUBLISH', ARGV[3], head .. '\\n' .. seq .. '\\n' .. ARGV[4])
return { head, seq }
`
/** KEYS log. ARGV random, ttl, channel, number of the beat. */
const beatScript = `${epochOf}
redis.call('PUBLISH', ARGV[3], head .. '\\n' .. top .. '\\n' .. ARGV[4])
`

const beatsPerWindow = 4

type Script<R> = (key: string, ...args: (string | number)[]) => Promise<R>
interface Scripted {
  pegasusJoin: Script<[head: string, top: string, moves: string[], demands: string[]]>
  pegasusMove: Script<[head: string, seq: string]>
  pegasusBeat: Script<null>
}

export interface RedisBusOptions {
  /** For commands. Must not queue while disconnected. */
  redis: RedisConnection
  prefix: string
  /** How long one proof of life is worth, in milliseconds. */
  trustWindow: number
  /** The longest an entry may live, in milliseconds: the log lives longer. */
  maxTtl: number
  /** How many tags the log holds. */
  maxTags: number
  clock: Clock
  /** The connection was lost, or no beat came back for a trust window in which this process was awake; again and again. */
  onSilence(cause?: unknown): void
  /** A beat came back, after so many milliseconds: Redis answers, and what it recorded is known here. */
  onProof(roundTrip: number): void
}

export function redisBus(options: RedisBusOptions): Bus {
  return new RedisBus(options)
}

class RedisBus implements Bus {
  readonly ledger = new Ledger("none", 0)
  private readonly redis: RedisConnection & Scripted
  private subscriber: Redis | undefined
  private readonly log: string
  private readonly channel: string
  private readonly beatChannel: string
  private readonly beats = new Map<number, number>()
  private readonly timer: NodeJS.Timeout
  private beatNumber = 0
  private trustedFrom = 0
  private trustedUntil = 0
  /** Redis was away: others may have changed what they could not record. */
  private gap = false
  /**
   * How often it asked since a beat last came back in time, and since one came back at all, or the connections were made anew. What a busy process has
   * not read yet is no silence of Redis: however long it did not get to it, it has asked but once.
   */
  private askedInVain = 0
  private unanswered = 0
  private lastError: unknown
  private joining: Promise<void> | undefined

  constructor(private readonly options: RedisBusOptions) {
    const { redis, prefix, trustWindow } = options
    this.redis = redis as RedisConnection & Scripted
    redis.defineCommand("pegasusJoin", { numberOfKeys: 1, lua: joinScript })
    redis.defineCommand("pegasusMove", { numberOfKeys: 1, lua: moveScript })
    redis.defineCommand("pegasusBeat", { numberOfKeys: 1, lua: beatScript })
    this.log = `{${prefix}}:log`
    this.channel = `{${prefix}}:moves`
    this.beatChannel = `{${prefix}}:beat:${randomBytes(8).toString("hex")}`

    redis.on("ready", () => {
      this.listen()
      void this.join()
    })
    redis.on("error", (error) => this.note(error))
    redis.on("close", () => this.open())
    if (!redis.isCluster || redis.status === "ready") this.listen()
    this.timer = setInterval(() => this.tick(), trustWindow / beatsPerWindow)
    this.timer.unref()
  }

  trusted(now = this.options.clock.now()): boolean {
    return now < this.trustedUntil && now >= this.trustedFrom
  }

  async move(tags: string[]): Promise<number> {
    const { maxTags } = this.options
    const [head, seq] = await this.redis.pegasusMove(
      this.log,
      ...this.identity(),
      this.channel,
      JSON.stringify(tags),
      maxTags,
      demandPrefix,
    )
    const number = Number(seq)
    if (parseHead(head).epoch === this.ledger.epoch) {
      this.ledger.mark(number, tags)
    } else {
      // Redis has begun another epoch and this process has not heard of it: nothing it holds is known to hold.
      this.distrust()
      await this.join()
    }
    return number
  }

  async close(): Promise<void> {
    clearInterval(this.timer)
    this.distrust()
    this.subscriber?.disconnect()
  }

  /** Connects for messages, when there is no such connection. One that a cluster's node ended is made anew. */
  private listen(): void {
    if (this.subscriber && this.subscriber.status !== "end") return
    const subscriber = listenerOf(this.options.redis)
    if (!subscriber) return
    this.subscriber = subscriber
    subscriber.on("error", () => undefined)
    subscriber.on("ready", () => {
      subscriber.subscribe(this.channel, this.beatChannel).then(
        () => this.join(),
        (error) => this.note(error),
      )
    })
    subscriber.on("close", () => this.open())
    subscriber.on("message", (channel, message) => this.hear(channel, message))
    subscriber.connect().catch(() => undefined)
  }

  private hear(channel: string, message: string): void {
    try {
      const [head, number, rest] = message.split("\n") as [string, string, string]
      if (channel === this.beatChannel) this.hearBeat(parseHead(head).epoch, Number(number), Number(rest))
      else this.hearMovement({ ...parseHead(head), seq: Number(number), tags: JSON.parse(rest) as string[] })
    } catch (error) {
      this.note(error)
      this.catchUp()
    }
  }

  private hearBeat(epoch: string, seq: number, number: number): void {
    const sentAt = this.beats.get(number)
    for (const earlier of this.beats.keys()) if (earlier <= number) this.beats.delete(earlier)
    if (epoch !== this.ledger.epoch || seq !== this.ledger.seq) {
      void this.join()
    } else if (this.gap) {
      this.closeGap().catch((error) => this.note(error))
    } else if (sentAt !== undefined) {
      this.unanswered = 0
      this.trustedFrom = sentAt
      this.trustedUntil = sentAt + this.options.trustWindow
      if (this.trusted()) {
        this.askedInVain = 0
        this.lastError = undefined
      }
      this.options.onProof(this.options.clock.now() - sentAt)
    }
  }

  private hearMovement(movement: Movement): void {
    if (!this.ledger.apply(movement)) this.catchUp()
  }

  /** Redis is, or was, away from this process. */
  private open(): void {
    this.gap = this.ledger.seq > 0
    const wasTrusted = this.trusted()
    this.distrust()
    if (wasTrusted) this.options.onSilence()
  }

  /**
   * Gives up everything from before the gap: this process asks for a number of its own, and takes it for its
   * floor. What others could not record while Redis was away cannot have reached what is loaded from here on.
   */
  private async closeGap(): Promise<void> {
    const number = await this.move([])
    this.gap = false
    this.ledger.raiseFloor(number)
    this.beat()
  }

  private catchUp(): void {
    this.distrust()
    void this.join()
  }

  /** Reads the log from where this process stands, and asks for a proof of life. */
  private join(): Promise<void> {
    this.joining ??= this.readLog()
      .then(
        () => this.beat(),
        (error) => this.note(error),
      )
      .finally(() => {
        this.joining = undefined
      })
    return this.joining
  }

  private async readLog(): Promise<void> {
    const { ledger, redis, log } = this
    const { epoch, seq } = ledger
    const [head, top, moves, demands] = await redis.pegasusJoin(log, ...this.identity(), epoch, seq)
    ledger.load({ ...parseHead(head), seq: Number(top) }, pairs(moves), demands.map(parseDemand))
  }

  private tick(): void {
    this.askedInVain++
    this.unanswered++
    // This process is awake and has asked again and again: it is Redis that is silent.
    if (this.beats.size > beatsPerWindow) this.open()
    if (this.askedInVain > beatsPerWindow) this.options.onSilence(this.lastError)
    if (this.unanswered > 4 * beatsPerWindow) this.reconnect()
    if (this.redis.status === "ready") this.listen()
    this.beat()
  }

  private beat(): void {
    if (this.redis.status !== "ready" || this.subscriber?.status !== "ready") return
    const number = ++this.beatNumber
    this.beats.set(number, this.options.clock.now())
    this.beats.delete(number - 64)
    this.redis.pegasusBeat(this.log, ...this.identity(), this.beatChannel, number).catch(() => undefined)
  }

  /** A connection that says it is ready and carries nothing may have died without a word. */
  private reconnect(): void {
    this.unanswered = 0
    for (const connection of [this.redis, this.subscriber]) {
      if (connection?.status === "ready") connection.disconnect(true)
    }
  }

  private note(error: unknown): void {
    this.lastError = error
  }

  private distrust(): void {
    this.trustedUntil = 0
  }

  /** What each script is told first: chance, and the log's time to live. */
  private identity(): [random: string, ttl: number] {
    return [randomBytes(8).toString("hex"), this.options.maxTtl * 2]
  }
}

/** A connection for messages, not connected yet; none while a cluster's nodes are not known. */
function listenerOf(redis: RedisConnection): Redis | undefined {
  const options = { lazyConnect: true, enableOfflineQueue: true, autoResubscribe: false }
  if (!redis.isCluster) return (redis as Redis).duplicate(options)
  const nodes = (redis as Cluster).nodes("master")
  return nodes[randomInt(nodes.length)]?.duplicate({ ...options, retryStrategy: null })
}

/** "!<epoch>:<floor>" */
function parseHead(head: string): { epoch: string; floor: number } {
  const colon = head.lastIndexOf(":")
  return { epoch: head.slice(1, colon), floor: Number(head.slice(colon + 1)) }
}

/** "@<tag>:<number>" */
function parseDemand(member: string): [demand: string, seq: number] {
  const colon = member.lastIndexOf(":")
  return [member.slice(1, colon), Number(member.slice(colon + 1))]
}

function* pairs(flat: string[]): Iterable<[tag: string, seq: number]> {
  for (let index = 0; index < flat.length; index += 2) {
    const member = flat[index]!
    if (member !== ".") yield [member.slice(1), Number(flat[index + 1])]
  }
}
