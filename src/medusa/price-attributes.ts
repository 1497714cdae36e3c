/**
 * Medusa's prices look at those parts of a cart that some rule names, and remember which these are. They forget where they change a rule
 * themselves; other processes, and this one after raw SQL, would go on without the attribute of a new rule: a price that is not true any more
 * for anybody. Here they forget whenever a rule was committed.
 *
 * The seam: `clearAvailableAttributes` of the pricing module's repository (pricing/dist/repositories/pricing.js:19, 2.21.2). It must not run
 * between the look at what is remembered and its use, which are in one turn.
 */
import { MedusaModule } from "@medusajs/framework/modules-sdk"
import { Modules } from "@medusajs/framework/utils"
import type { Change } from "../tracking"

interface Pricing {
  pricingRepository_?: { clearAvailableAttributes?(): void }
}

/** A question for the attributes that was under way when a rule was committed has been answered then. Milliseconds. */
const longestQuestion = 2_000
/** All of them move the same tables. */
const mostTold = 100
const ofRules = new Set(["price_rule", "price_list_rule"])

/** @param again called when what was calculated meanwhile must not be kept */
export function attributesFollow(again: (changes: Change[]) => void): (changes: Change[]) => void {
  let told: Change[] = []
  let timer: NodeJS.Timeout | undefined
  return (changes) => {
    const rules = changes.filter(({ table }) => ofRules.has(table))
    if (rules.length === 0) return
    forgetAttributes()
    told = [...told, ...rules].slice(-mostTold)
    clearTimeout(timer)
    timer = setTimeout(() => {
      forgetAttributes()
      again(told)
      told = []
    }, longestQuestion).unref()
  }
}

export function forgetAttributes(): void {
  const pricing = MedusaModule.getModuleInstance(Modules.PRICING)?.[Modules.PRICING] as Pricing | undefined
  pricing?.pricingRepository_?.clearAvailableAttributes?.()
}
