import { readFile } from "node:fs/promises"
import { z } from "zod"
import { BenchError } from "./errors"

const readySchema = z
  .object({
    url: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, "")),
    publishableKey: z.string().min(1),
    regionId: z.string().min(1),
    regions: z.array(
      z.object({ id: z.string(), currency: z.string(), countries: z.array(z.string()).min(1) }),
    ),
    promotionCode: z.string().min(1),
    adminEmail: z.string().optional(),
    adminPassword: z.string().optional(),
    databaseUrl: z.string().min(1).optional(),
    cache: z.string().optional(),
    versions: z.record(z.string(), z.string()).optional(),
  })
  .refine(({ regionId, regions }) => regions.some(({ id }) => id === regionId), {
    path: ["regionId"],
    message: "names none of the regions",
  })

/**
 * A running store as the bench sees it. Without `databaseUrl` its statements are not counted; the admin's
 * name and password only serve to tell which products are shipped alike.
 */
export type Store = z.output<typeof readySchema> & { label: string }

const remedy = "Give the object a store prints after READY, or a file that holds it."

/**
 * @param description the object a store prints when it is ready
 * @throws BenchError BENCH_STORE_INVALID
 */
export function parseStore(label: string, description: unknown): Store {
  const parsed = readySchema.safeParse(description)
  if (parsed.success) return { label, ...parsed.data }
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`)
  const message = `The description of the store "${label}" is not usable (${faults.join("; ")}).`
  throw new BenchError("BENCH_STORE_INVALID", message, remedy, parsed.error)
}

/**
 * @param source JSON, or the path of a file; either may be the whole line with READY in front
 * @throws BenchError BENCH_STORE_UNREADABLE, BENCH_STORE_INVALID
 */
export async function readStore(label: string, source: string): Promise<Store> {
  const inline = /^(READY\s+)?\{/.test(source.trim())
  try {
    const text = inline ? source : await readFile(source, "utf8")
    const line = text.split("\n").find((candidate) => candidate.startsWith("READY")) ?? text
    return parseStore(label, JSON.parse(line.replace(/^READY\s+/, "")))
  } catch (cause) {
    if (cause instanceof BenchError) throw cause
    const from = inline ? "JSON" : source
    const message = `The description of the store "${label}" could not be read from ${from}.`
    throw new BenchError("BENCH_STORE_UNREADABLE", message, remedy, cause)
  }
}

/** The country the shopper lives in: Germany when the region has it, else the region's first. */
export function homeCountry(store: Store): string {
  const { countries } = store.regions.find(({ id }) => id === store.regionId)!
  return countries.includes("de") ? "de" : countries[0]!
}

/** @throws BenchError BENCH_OPTIONS_INVALID when there is no store, or two have one label */
export function demandStores(stores: readonly Store[]): void {
  if (stores.length === 0) {
    throw new BenchError("BENCH_OPTIONS_INVALID", "There is no store to measure.", "Give at least one.")
  }
  const labels = new Set(stores.map(({ label }) => label))
  if (labels.size < stores.length) {
    throw new BenchError("BENCH_OPTIONS_INVALID", "Two stores have the same label.", "Give each its own.")
  }
}
