/**
 * What modules are asked for is made of rows at once, without MikroORM's objects in between, once it is known how (moulds/mould.ts). A read of a shape is looked at,
 * then foretold, then made; from time to time it is foretold again, and what is not as it was foretold is made as ever from then on.
 *
 * The seam: the methods by which Medusa's services read (`list…` and `retrieve…`, utils/dist/modules-sdk/medusa-service.js:107; of links,
 * link-modules/dist/services/link-module-service.js:66, 2.21.2) find entities with a manager of their own and give plain data of them. A call that may be part of a
 * transaction is left alone.
 */
import type { EntityManager } from "@medusajs/framework/mikro-orm/core"
import { MedusaContextType } from "@medusajs/framework/utils"
import { LRUCache } from "lru-cache"
import {
  isLink,
  isMedusas,
  loadedServices,
  type Method,
  managerOf,
  type Service,
  tableOf,
} from "./module-reads"
import type { Row } from "./moulds/fields"
import { Mould, type WatchedRead } from "./moulds/mould"
import { Unseen } from "./moulds/pieces"
import { beginWatching, isWatched, watch } from "./moulds/watching"
import type { RepeatedFinds } from "./repeated-finds"
import { textOf } from "./text-of"
import type { Driver, FindOptions } from "./worded-finds"
import { shapeOf } from "./wording"

/** How long the texts of all shapes that are remembered may be, and that of one. */
const longestTexts = 4_000_000
const longestText = 20_000
/** How often a mould must have foretold a read before it is used, and which of its uses it has to foretell then. */
const fewestProofs = 2
const provenOneOf = 500
/** How often a shape is looked at in vain. */
const mostVain = 8
/** Of all that was found for a read from which is learned. */
const mostRows = 2_000

/** What is known of reads of one shape. */
interface Known {
  mould: Mould | undefined
  proofs: number
  uses: number
  /** How often nothing came of looking at one since the last that was made. */
  vain: number
}

interface Read extends Pick<WatchedRead, "text" | "values"> {
  /** Of the method and the shape. */
  key: string
  manager: EntityManager
  isMany: boolean
  asEver(): Promise<unknown>
}

/**
 * @param warn told what was not as it was foretold
 * @returns false when Medusa is not as expected, and nothing was changed
 */
export function readPlainly(finds: RepeatedFinds, warn: (message: string) => void): boolean {
  if (!finds.isTaken || !beginWatching(finds)) return false
  const reads = new PlainReads(finds, warn)
  for (const [key, service] of loadedServices()) if (isMedusas(key, service)) reads.take(key, service)
  return true
}

export class PlainReads {
  /** By key. */
  private readonly known = new LRUCache<string, Known>({
    maxSize: longestTexts,
    sizeCalculation: (_, key) => key.length,
  })
  private readonly taken = new WeakSet<object>()

  constructor(
    private readonly finds: RepeatedFinds,
    private readonly warn: (message: string) => void,
  ) {}

  /** From now on the service's own reads are made by moulds, where they can. */
  take(module: string, service: Service): void {
    const isOwn = (at: object) => (isLink(service) ? Object.hasOwn(at, "list") : isMade(at))
    let at = Object.getPrototypeOf(service)
    while (at && !isOwn(at)) at = Object.getPrototypeOf(at)
    if (!at || this.taken.has(at)) return
    this.taken.add(at)
    const names = isLink(service) ? ["list"] : Object.getOwnPropertyNames(at).filter(isRead)
    for (const name of names) at[name] = this.instead(module, name, at[name])
  }

  private instead(module: string, name: string, original: Method): Method {
    const reads = this
    const isMany = name.startsWith("list")
    return function (this: Service, ...given: unknown[]) {
      const asEver = () => original.apply(this, given)
      const manager = freeManagerOf(this, given[2])
      const text = manager && textOf(given.slice(0, 2))
      if (!manager || text === undefined || text.length > longestText || isWatched()) return asEver()
      const { shape, values } = shapeOf(text)
      const key = [isLink(this) ? tableOf(this) : module, name, shape].join("\n")
      return reads.read({ key, text, values, manager, isMany, asEver })
    }
  }

  private async read(read: Read): Promise<unknown> {
    const { key, isMany, asEver } = read
    const known = this.known.get(key)
    if (!known) {
      this.known.set(key, { mould: undefined, proofs: 0, uses: 0, vain: 0 })
      return asEver()
    }
    const { mould, proofs, vain } = known
    if (vain >= mostVain) return asEver()
    if (!mould || proofs < fewestProofs || ++known.uses % provenOneOf === 0) return this.watch(read, known)
    const answer = await this.make(mould, read).catch((error: unknown) => error)
    if (answer instanceof Unseen) return this.watch(read, known)
    // What failed is said in the service's own words, and what is not there.
    if (!Array.isArray(answer) || (!isMany && answer.length === 0)) return asEver()
    known.vain = 0
    return isMany ? answer : answer[0]
  }

  private make(mould: Mould, { values, manager }: Read): Promise<unknown[]> {
    const driver = manager.getDriver() as unknown as Driver
    return mould.read(values, ({ entity, isApart, text, whole }) => {
      const em = isApart ? {} : { em: manager as unknown as NonNullable<FindOptions["em"]> }
      const question = () => {
        const { where, options } = whole()
        return { where, options: { ...options, ...em } }
      }
      return this.finds.ask(driver, { entity, text, whole: question }) as Promise<Row[]>
    })
  }

  /** Makes it as ever, and learns from it. */
  private async watch(read: Read, known: Known): Promise<unknown> {
    const { answer, finds } = await watch(read.asEver)
    const isTold = finds.length > 0 && answer != null
    const isLearned = isTold && this.learn(read, known, { ...read, finds, answer: [answer].flat() })
    if (!isLearned) known.vain++
    return answer
  }

  /** @returns whether it was foretold, or something came of it */
  private learn({ key, manager }: Read, known: Known, seen: WatchedRead): boolean {
    const { mould, proofs } = known
    const isForetold = mould && foretold(mould, seen)
    if (isForetold) {
      known.proofs++
      return true
    }
    if (isForetold === false && proofs >= fewestProofs) {
      const name = key.split("\n", 2).join(".")
      this.warn(`Pegasus: ${name} did not give what was expected; it is made as ever from now on.`)
      known.vain = mostVain
      return false
    }
    const isSmall = seen.finds.reduce((sum, { rows }) => sum + rows.length, 0) <= mostRows
    const one = isSmall ? mouldOf(seen, manager) : undefined
    const next = one && mould ? mould.with(one) : one
    if (next) Object.assign(known, { mould: next, proofs: 0 })
    return next !== undefined
  }
}

/** Undefined also where something is not as it was read. */
function mouldOf(seen: WatchedRead, manager: EntityManager): Mould | undefined {
  try {
    return Mould.of(seen, manager.getMetadata(), manager.getDriver().getPlatform())
  } catch {
    return undefined
  }
}

/** Undefined when it has something of which nothing was known. */
function foretold(mould: Mould, seen: WatchedRead): boolean | undefined {
  try {
    return mould.foretells(seen)
  } catch {
    return undefined
  }
}

const isRead = (name: string) => /^(?:list(?!AndCount)|retrieve)/.test(name)
/** Whether Medusa made its methods of models. */
const isMade = (prototype: object) =>
  Object.hasOwn(prototype.constructor, Symbol.for("MedusaServiceModelObjectsSymbol"))

/** The manager of which such services fork their own; undefined when the call may be part of a transaction. */
function freeManagerOf(service: Service, context: unknown): EntityManager | undefined {
  const owner = managerOf(service)
  if (context === undefined) return owner
  const { __type, manager, transactionManager } = (context ?? {}) as Record<string, unknown>
  if (__type !== MedusaContextType || transactionManager !== undefined) return undefined
  return manager === undefined || isFresh(manager as EntityManager) ? owner : undefined
}

const isFresh = (manager: EntityManager) =>
  !manager.isInTransaction() && manager.getUnitOfWork(false).getIdentityMap().keys().length === 0
