/** Two URLs of one name mean the same to Medusa: by chance, beside the parsers that Medusa itself uses. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { prepareListQuery } from "@medusajs/framework/http"
import qs from "qs"
import { addressOf } from "../../src/http/address"
import { pickOf, randomOf } from "../history/random"

const seed = Number(process.env.PEGASUS_TEST_SEED ?? Date.now() % 1_000_000)
const rounds = 20_000
const defaults = { limit: "50", offset: "0" }
const names = [
  "limit",
  "offset",
  "q",
  "id",
  "id[]",
  "id[0]",
  "at[$gte]",
  "at.$lt",
  "a[b][c]",
  "a%5Bb%5D",
  "fields",
  "ü",
  "",
]
const values = [
  "50",
  "0",
  "x",
  "x%20y",
  "x+y",
  "%C3%BC",
  "a,b",
  "1%262",
  "%2B",
  "",
  "]=",
  "%5D",
  "%zz",
  "50%20",
]
const fields = [
  "id",
  "title",
  "*variants",
  "+metadata",
  "%2Bmetadata",
  "-title",
  "variants.*",
  "-variants",
  "+variants.sku",
  " sku",
  "",
]

/** What Medusa makes of a query (medusa/dist/loaders/api.js:18, framework/dist/http/utils/get-query-config.js, 2.21.2). */
async function meaningOf(query: string) {
  const { fields: asked, ...parsed } = qs.parse(query, { arrayLimit: Number.POSITIVE_INFINITY })
  const filled = { ...defaults, ...parsed }
  if (typeof asked !== "string") return { ...filled, fields: asked }
  const { remoteQueryConfig } = await prepareListQuery(
    { fields: asked },
    { defaults: ["id", "title", "variants.sku"] },
  )
  return { ...filled, fields: [...remoteQueryConfig.fields].sort() }
}

describe("two URLs of one name", () => {
  it(`mean the same (seed ${seed})`, async () => {
    const random = randomOf(seed)
    const pick = pickOf(random)
    const some = <T>(most: number, make: () => T) =>
      Array.from({ length: Math.floor(random() * (most + 1)) }, make)
    const pair = () => {
      const name = pick(names)
      const value = name === "fields" ? some(4, () => pick(fields)).join() : pick(values)
      return random() < 0.05 ? name : `${name}=${value}`
    }
    const changes: ((pairs: string[]) => string[])[] = [
      (pairs) => [...pairs].sort(() => random() - 0.5),
      (pairs) => [...pairs, pick(["limit=50", "offset=0", "", "limit=20"])],
      (pairs) =>
        pairs.map((one) => (random() < 0.5 ? one.replaceAll("+", "%20") : one.replaceAll("%20", "+"))),
      (pairs) =>
        pairs.map((one) =>
          one.startsWith("fields=") ? `fields=${one.slice(7).split(",").reverse().join()}` : one,
        ),
      (pairs) => pairs.map((one) => one.replace(/\[/g, "%5b").replace(/\]/g, "%5D")),
      (pairs) => pairs.filter(() => random() < 0.8),
      (pairs) => [...pairs, ...pairs.slice(0, 1)],
      (pairs) => pairs.map((one) => (random() < 0.3 ? decodeURIComponentOf(one) : one)),
    ]
    let alike = 0
    for (let round = 0; round < rounds; round++) {
      const one = some(5, pair)
      const other = some(3, () => pick(changes)).reduce((pairs, change) => change(pairs), one)
      const [query, changed] = [one.join("&"), other.join("&")]
      const [name, named] = [addressOf(`/a?${query}`, defaults), addressOf(`/a?${changed}`, defaults)]
      if (query === changed || !name || name.query !== named?.query) continue
      alike++
      assert.deepEqual(
        await meaningOf(query),
        await meaningOf(changed),
        `?${query} and ?${changed} are both ?${name.query}`,
      )
    }
    assert.ok(alike > rounds / 20, `${alike} pairs were alike`)
  })
})

function decodeURIComponentOf(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
