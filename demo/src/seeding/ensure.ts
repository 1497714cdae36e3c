/**
 * How every part of the seed stays safe to repeat: look at what is there, create only what misses.
 */

interface Ensured<Wanted, Found> {
  wanted: readonly Wanted[]
  wantedKey: (wanted: Wanted) => string
  found: readonly Found[]
  foundKey: (found: Found) => string | null | undefined
  create: (missing: Wanted[]) => Promise<readonly Found[]>
}

/** All that was wanted, by key, whether it was there before or had to be created. */
export async function ensure<Wanted, Found>(of: Ensured<Wanted, Found>): Promise<ByKey<Found>> {
  const present = new Set(of.found.map(of.foundKey))
  const missing = of.wanted.filter((wanted) => !present.has(of.wantedKey(wanted)))
  const created = missing.length ? await of.create(missing) : []
  return new ByKey([...of.found, ...created].map((one) => [of.foundKey(one) ?? "", one]))
}

/** A map in which a missing key is a mistake of the seed, not a case to handle. */
export class ByKey<T> extends Map<string, T> {
  override get(key: string): T {
    const value = super.get(key)
    if (value === undefined) throw new Error(`seed: nothing was created under "${key}"`)
    return value
  }
}

/** The list in pieces of at most `size`. */
export function batches<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  )
}
