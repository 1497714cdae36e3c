/** The bus of a process that has no one to tell: always trusted, numbers are its own. */
import { randomBytes } from "node:crypto"
import { Ledger } from "../ledger"
import type { Bus } from "./bus"

export function localBus(maxTags: number): Bus {
  const ledger = new Ledger(`local-${randomBytes(8).toString("hex")}`)
  return {
    ledger,
    trusted: () => true,
    async move(tags) {
      const seq = ledger.seq + 1
      ledger.apply({ epoch: ledger.epoch, seq, floor: 0, tags })
      if (ledger.size > maxTags) ledger.raiseFloor(seq)
      return seq
    },
    close: async () => undefined,
  }
}
