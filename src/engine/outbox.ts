/**
 * Invalidations that Redis has not been told yet. Their tags are pending in the bus's ledger from the moment
 * they are added until they are sent, so that nothing that carries them is answered or stored meanwhile. Beyond
 * `most` tags it holds one that stands for all: it cannot grow.
 */
import type { Ledger } from "./ledger"

export interface Sending {
  tags: string[]
  sent(): void
}

export class Outbox {
  private tags = new Set<string>()
  private endings: (() => void)[] = []

  constructor(
    private readonly ledger: Ledger,
    private readonly everything: string,
    private readonly most: number,
  ) {}

  get waits(): boolean {
    return this.tags.size > 0
  }

  add(tags: Iterable<string>): void {
    if (this.tags.has(this.everything)) return
    const added = [...new Set(tags)].filter((tag) => !this.tags.has(tag))
    if (added.length === 0) return
    for (const tag of added) this.tags.add(tag)
    this.endings.push(this.ledger.begin(added))
    if (this.tags.size > this.most) this.collapse()
  }

  take(): Sending {
    const sending = { tags: [...this.tags], endings: this.endings }
    this.tags = new Set()
    this.endings = []
    return {
      tags: sending.tags,
      sent: () => {
        for (const end of sending.endings) end()
      },
    }
  }

  /** What could not be sent waits again; as everything, when Redis would not have it. */
  putBack(sending: Sending, asEverything: boolean): void {
    this.add(asEverything ? [this.everything] : sending.tags)
    sending.sent()
  }

  private collapse(): void {
    const { endings } = this
    this.tags = new Set([this.everything])
    this.endings = [this.ledger.begin([this.everything])]
    for (const end of endings) end()
  }
}
