/**
 * Proof in production: a share of the hits is answered as if nothing had been found, and what is then loaded is compared with
 * what would have been answered. It is stale if it differs although the entry still stands after all that was
 * committed before the comparison has been heard.
 */
import { channel } from "node:diagnostics_channel"
import type { Logger } from "@medusajs/framework/types"
import { type Cache, type Fresh, stableText } from "../engine"

export interface Sampled {
  key: string
  tags: readonly string[]
  isStale: boolean
}

export interface SamplerOptions {
  /** Of the hits, 0 to 1. */
  share: number
  cache: Pick<Cache, "get">
  /** Resolves when everything committed before the call has been heard; false when that is not known. */
  settled(): Promise<boolean>
  logger: Pick<Logger, "error">
  random?(): number
}

/** Told of each comparison. */
const sampled = channel("pegasus:cache:sampled")
/** A sample whose load failed is given up when so many others wait. */
const mostWaiting = 1_000

export class Sampler {
  /** How many hits were compared, and how many were stale. */
  readonly counts = { compared: 0, stale: 0 }
  private readonly waiting = new Map<string, Fresh>()
  private readonly random: () => number

  constructor(private readonly options: SamplerOptions) {
    this.random = options.random ?? Math.random
  }

  /** Whether this hit is to be loaded anew. */
  takes(key: string, found: Fresh): boolean {
    if (this.random() >= this.options.share || this.waiting.has(key)) return false
    const [oldest] = this.waiting.keys()
    if (oldest !== undefined && this.waiting.size >= mostWaiting) this.waiting.delete(oldest)
    this.waiting.set(key, found)
    return true
  }

  /** What was loaded in the place of the hit. To be called before it is stored. */
  async compare(key: string, loaded: unknown): Promise<void> {
    const before = this.waiting.get(key)
    if (!before) return
    this.waiting.delete(key)
    const { cache, settled, logger } = this.options
    if (!(await settled())) return
    const now = await cache.get(key)
    if (now.state !== "fresh" || now.expiresAt !== before.expiresAt) return
    this.counts.compared++
    const { tags } = now
    const isStale = textOf(now.value) !== textOf(loaded)
    if (sampled.hasSubscribers) sampled.publish({ key, tags, isStale } satisfies Sampled)
    if (!isStale) return
    this.counts.stale++
    logger.error(
      `Pegasus: a sampled answer was stale: ${key}, which depends on ${tags.join(", ")}. Please report it.`,
    )
  }
}

/** The same for what JSON says the same of, in whatever order. */
const textOf = (value: unknown) => stableText(JSON.parse(JSON.stringify(value ?? null)))
