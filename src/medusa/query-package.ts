import { dirname, join } from "node:path"

interface QueryPackage {
  Query?: { prototype: object }
  ModuleDataFetcher?: { prototype: object }
}

/** Where a package is that is not ours but of the one at `place`. @throws when it is not there */
export const placeFrom = (name: string, place: string) => require.resolve(name, { paths: [dirname(place)] })

/** A module of one of Medusa's packages that the framework hands on under the same name; undefined when it is not there. */
export function moduleOf<T>(name: "utils" | "workflows-sdk", file: string): T | undefined {
  try {
    const place = placeFrom(`@medusajs/${name}`, require.resolve(`@medusajs/framework/${name}`))
    return require(join(dirname(place), file))
  } catch {
    return undefined
  }
}

/** Medusa's package for queries across modules. It is the framework's, not ours: it is found from there. */
export const queryPackage = (): QueryPackage | undefined => queryModule("index.js")

/** A module of that package; undefined when it is not there. */
export function queryModule<T>(file: string): T | undefined {
  try {
    const framework = require.resolve("@medusajs/framework/modules-sdk")
    const place = placeFrom("@medusajs/query", placeFrom("@medusajs/modules-sdk", framework))
    return require(join(dirname(place), file))
  } catch {
    return undefined
  }
}
