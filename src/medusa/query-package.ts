import { dirname } from "node:path"

interface QueryPackage {
  Query?: { prototype: object }
  ModuleDataFetcher?: { prototype: object }
}

/** Medusa's package for queries across modules. It is the framework's, not ours: it is found from there. */
export function queryPackage(): QueryPackage | undefined {
  try {
    const from = (name: string, place: string) => require.resolve(name, { paths: [dirname(place)] })
    const framework = require.resolve("@medusajs/framework/modules-sdk")
    return require(from("@medusajs/query", from("@medusajs/modules-sdk", framework)))
  } catch {
    return undefined
  }
}
