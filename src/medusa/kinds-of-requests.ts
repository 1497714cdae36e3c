/** What is told of a request by its URL and its body: of which kind it is, and what it is about. */
import type { MedusaRequest } from "@medusajs/framework/http"
import { ids } from "../tracking"
import { type About, cartIn } from "./freshness"

/** Longer bodies are not looked into further, and what names more than this is of no kind. */
const longestBody = 4_000
const mostNames = 50
const longestKind = 300
/** Who traces a request wants to see who asks what (doctor/trace/trace.ts). */
export const isTraced = Boolean(process.env.PEGASUS_TRACE)

type Told = Pick<MedusaRequest, "method" | "originalUrl"> & { body?: unknown }

/** Of one kind are requests that differ in ids and in values alone. */
export function aboutOf({ method, originalUrl, body }: Told): About {
  const { cart_id } = (body ?? {}) as { cart_id?: unknown }
  return {
    cart: cartIn(`${originalUrl} ${cart_id}`),
    kind: isTraced ? undefined : kindOf(method, originalUrl, body),
    given: `${originalUrl} ${JSON.stringify(body ?? "").slice(0, longestBody)}`,
  }
}

/** @returns undefined of what names too much */
export function kindOf(method: string, url: string, body?: unknown): string | undefined {
  const { pathname, searchParams } = new URL(url, "http://store")
  const names = [...new Set(searchParams.keys()), "", ...Object.keys((body as object | undefined) ?? {})]
  if (Array.isArray(body) || names.length > mostNames) return undefined
  const path = pathname.replace(ids, "*")
  const kind = `${method} ${path} ${names.join()}`
  return kind.length > longestKind ? undefined : kind
}
