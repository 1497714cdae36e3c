import { defaultPolicies, matcherOf } from "../http"
import type { ExplainArguments } from "./arguments"

export interface ExplainCall {
  arguments: ExplainArguments
  print(text: string): void
  signal: AbortSignal
}

/** Asks twice, and says which way each request took. @returns whether the second was a hit */
export async function explain({ arguments: given, print, signal }: ExplainCall): Promise<boolean> {
  const { url, headers } = given
  const policy = matcherOf(defaultPolicies)(new URL(url).pathname)
  print(policy ? `The table has ${policy.matcher}.` : "The table has no such route; http.routes may.")
  let told = ""
  for (const time of ["first", "second"]) {
    const response = await fetch(url, { headers, signal })
    await response.arrayBuffer()
    told = response.headers.get("cache-status") ?? ""
    print(`${time}: ${response.status}, ${told === "" ? "no Cache-Status" : told}: ${meaning(told, headers)}`)
  }
  return told.includes("hit")
}

function meaning(told: string, headers: Record<string, string>): string {
  const isSomeone = Object.keys(headers).some((name) => /^(authorization|cookie)$/i.test(name))
  const where = isSomeone ? "within Express, after it was known who asks" : "before Express"
  if (told.includes("detail=waited")) return `${where}, rendered meanwhile for another`
  if (told.includes("hit")) return `kept, answered ${where}`
  if (told.includes("stored")) return "rendered by Express, and kept"
  return "rendered by Express, and not kept: no route of the cache, an error, a cookie, private, or it read what changes at every sale (stock, carts, customers)"
}
