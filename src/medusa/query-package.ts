import { dirname, join } from "node:path"

interface QueryPackage {
  Query?: { prototype: object }
  ModuleDataFetcher?: { prototype: object }
}

/** Where a package is that is not ours but of the one at `place`. @throws when it is not there */
export const placeFrom = (name: string, place: string) => require.resolve(name, { paths: [dirname(place)] })

/** A module of one of Medusa's packages: the framework's, not ours; undefined when it is not there. */
export function moduleOf<T>(name: "utils" | "workflows-sdk" | "query", file: string): T | undefined {
  try {
    return require(join(dirname(placeOf(name)), file))
  } catch {
    return undefined
  }
}

/** That for queries across modules is the one that `modules-sdk` uses; the others the framework hands on under the same name. */
function placeOf(name: "utils" | "workflows-sdk" | "modules-sdk" | "query"): string {
  const from = name === "query" ? placeOf("modules-sdk") : require.resolve(`@medusajs/framework/${name}`)
  return placeFrom(`@medusajs/${name}`, from)
}

export const queryPackage = () => moduleOf<QueryPackage>("query", "index.js")
