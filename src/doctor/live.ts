/** A running store, asked as shoppers ask it: what is kept, and what a CDN is told. */

import { DoctorError } from "./errors"

export interface LiveStore {
  /** Of what was asked twice, the share whose second answer was kept: 0 to 1. */
  hitRatio: number
  asked: number
  /** Whether a CDN may keep answers, by their headers. */
  isForCdn: boolean
  /** Whether one did. */
  isByCdn: boolean
}

const paths = [
  "/store/products?limit=20",
  "/store/products?limit=20&offset=20",
  "/store/product-categories",
  "/store/collections",
  "/store/regions",
  "/store/currencies",
  "/store/product-tags",
  "/store/product-types",
]
/** The longest one answer may take, in milliseconds. */
const limit = 30_000

/** @throws DoctorError DOCTOR_STORE_SILENT */
export async function askStore(
  url: string,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<LiveStore> {
  const second: Headers[] = []
  for (const path of paths) {
    await ask(new URL(path, url), headers, signal)
    second.push(await ask(new URL(path, url), headers, signal))
  }
  return {
    hitRatio: second.filter(isHit).length / second.length,
    asked: second.length,
    isForCdn: second.every(isForCdn),
    isByCdn: second.some(isByCdn),
  }
}

async function ask(
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Headers> {
  const timeout = AbortSignal.timeout(limit)
  try {
    const response = await fetch(url, {
      headers,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`status ${response.status}`)
    return response.headers
  } catch (cause) {
    signal?.throwIfAborted()
    throw new DoctorError(
      "DOCTOR_STORE_SILENT",
      `${url.origin}${url.pathname} does not answer as a store does: ${(cause as Error).message}.`,
      'Is it running, and is its publishable key given, as --header "x-publishable-api-key: …"?',
      cause,
    )
  }
}

/** RFC 9211; or the words of a CDN. */
const isHit = (headers: Headers) =>
  /;\s*hit\b/.test(headers.get("cache-status") ?? "") || isByCdn(headers) || Number(headers.get("age")) > 0

/** RFC 9111 §5.2.2.10, RFC 9213. */
const isForCdn = (headers: Headers) =>
  headers.has("cdn-cache-control") || /s-maxage=[1-9]/.test(headers.get("cache-control") ?? "")

const isByCdn = (headers: Headers) =>
  /hit/i.test(headers.get("cf-cache-status") ?? "") || /hit/i.test(headers.get("x-cache") ?? "")
