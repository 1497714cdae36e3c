/**
 * The name that keeps this store's keys apart from those of other stores on the same Redis, when the
 * options give none: host, port and name of its database, hashed. Who and how it connects does not matter.
 */
import { createHash } from "node:crypto"

export function defaultEnvironment({ databaseUrl }: { databaseUrl?: string }): string {
  return createHash("sha1").update(databaseIdentity(databaseUrl)).digest("hex").slice(0, 12)
}

function databaseIdentity(databaseUrl = ""): string {
  try {
    const { host, pathname, searchParams } = new URL(databaseUrl)
    return `${host}${pathname}${searchParams.get("host") ?? ""}`
  } catch {
    return databaseUrl
  }
}
