/**
 * By what answers are named: the path, the parameters, who asks, and every header of the request that was found to shape the
 * answers of a route (as `Vary` would have it, RFC 9111 §4.1).
 */
import type { IncomingMessage } from "node:http"
import { digest } from "../engine"
import { addressOf } from "./address"
import { answerFormat } from "./answer"
import { NotKept } from "./keep"
import { matcherOf, type Policy } from "./policy"
import { all, partOf, pathOf, urlOf } from "./request"

/** What an answer is called, and by which rule it is kept. */
export interface Named {
  key: string
  policy: Policy
}

/** A route whose answers would be named by more headers of the request is not kept. */
const mostHeaders = 4

export class Naming {
  private readonly matching: (path: string) => Policy | undefined
  /** By route: headers that were found to shape its answers. */
  private readonly found = new Map<string, Set<string>>()

  /** @param onVary told of each header that is found */
  constructor(
    policies: readonly Policy[],
    private readonly onVary?: (route: string, header: string) => void,
  ) {
    this.matching = matcherOf(policies)
  }

  policyOf(req: IncomingMessage): Policy | undefined {
    return this.matching(pathOf(req))
  }

  /** @param way where it is asked: what is named there is named for no other */
  nameOf(req: IncomingMessage, way: "http" | "within", who: string): Named | undefined {
    const policy = this.policyOf(req)
    const address = policy && addressOf(urlOf(req), policy.defaults)
    if (!address) return undefined
    const vary = this.varyOf(policy).map((name) => partOf(req, name))
    return {
      policy,
      key: `${way}${answerFormat}:${[address.path, address.query, who, ...vary].join("\n")}`,
    }
  }

  /** The tag of all answers at the address of a request; undefined where none is kept. */
  placeOf(req: IncomingMessage): string | undefined {
    const policy = this.policyOf(req)
    const address = policy && addressOf(urlOf(req), policy.defaults)
    return address && `url:${digest(`${address.path}?${address.query}`)}`
  }

  /** The headers of the request that are part of the names of a route, beside those that always are. */
  varyOf({ matcher, headers }: Policy): string[] {
    return [...headers, ...(this.found.get(matcher) ?? [])]
  }

  /** @throws NotKept when a header shaped the answer that is not in its name; from now on it is in those of the route */
  require(policy: Policy, names: readonly string[]): void {
    const known = this.varyOf(policy)
    const missing = names.filter((name) => !known.includes(name))
    if (missing.length === 0) return
    for (const name of missing) {
      if (name === all || known.length >= mostHeaders) throw new NotKept(`it depends on ${name}`)
      const found = this.found.get(policy.matcher) ?? new Set()
      this.found.set(policy.matcher, found.add(name))
      this.onVary?.(policy.matcher, name)
    }
    throw new NotKept(`it depends on ${missing.join(", ")}`)
  }
}
