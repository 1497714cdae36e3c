/** Who may import whom. A line that breaks a rule is named. */
import assert from "node:assert/strict"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { describe, it } from "node:test"
import { preProcessFile } from "typescript"

const source = resolve(__dirname, "..", "..", "src")

/** The rooms a room may import from; itself always. Rooms not named here do not exist yet. */
const allowed: Record<string, string[]> = {
  engine: [],
  tracking: [],
  feed: ["tracking"],
  http: ["engine"],
  proxy: ["engine", "feed", "http", "tracking"],
  medusa: ["doctor", "engine", "feed", "http", "proxy", "search", "tracking"],
  api: ["medusa"],
  "migration-scripts": ["medusa"],
  modules: ["medusa"],
  testing: ["engine"],
  bench: ["page"],
  doctor: ["page", "search"],
  search: [],
  page: [],
  cli: ["bench", "doctor", "feed", "http", "proxy"],
  "index.ts": ["engine", "medusa"],
}
/** What Medusa scans: wiring, which takes the file it wires. */
const scanned = new Set(["api", "migration-scripts", "modules"])

/** Packages that a room may import beside node's own modules; a room not named may import any. */
const packages: Record<string, string[]> = {
  engine: ["ioredis", "lru-cache"],
  tracking: ["libpg-query", "lru-cache"],
  feed: ["pg"],
  http: ["cors", "lru-cache"],
  proxy: ["lru-cache", "pg"],
  bench: ["autocannon", "pg", "zod"],
  doctor: ["libpg-query", "pg", "typescript"],
  search: [],
  page: [],
  cli: [],
  testing: [],
}

interface Import {
  file: string
  line: number
  text: string
  room: string
  target: string
}

const roomOf = (file: string) => relative(source, file).split("/")[0]!
const imports = filesIn(source).flatMap(importsOf)

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const place = join(folder, name)
    if (statSync(place).isDirectory()) return filesIn(place)
    return place.endsWith(".ts") ? [place] : []
  })
}

function importsOf(file: string): Import[] {
  const source = readFileSync(file, "utf8")
  const lines = source.split("\n")
  return preProcessFile(source, true, true).importedFiles.map(({ fileName: target, pos }) => {
    const line = source.slice(0, pos).split("\n").length
    return { file, line, text: lines[line - 1]!, room: roomOf(file), target }
  })
}

const offending = (broken: (found: Import) => boolean) =>
  imports.filter(broken).map(({ file, line, text }) => `${relative(source, file)}:${line} ${text.trim()}`)

describe("the house", () => {
  it("knows every room", () => {
    const rooms = new Set(filesIn(source).map(roomOf))
    assert.deepEqual([...rooms].sort(), Object.keys(allowed).sort())
  })

  it("imports only in the direction of its rooms, and only through their doors", () => {
    const broken = offending(({ file, room, target }) => {
      if (!target.startsWith(".")) return false
      const place = resolve(dirname(file), target)
      const other = roomOf(place)
      if (other === room || relative(source, place) === "") return false
      const isDoor = relative(source, place) === other || scanned.has(room) || room === "index.ts"
      return !allowed[room]!.includes(other) || !isDoor
    })
    assert.deepEqual(broken, [])
  })

  it("imports only the packages its rooms are allowed", () => {
    const broken = offending(({ room, target }) => {
      if (target.startsWith(".") || target.startsWith("node:")) return false
      return packages[room] !== undefined && !packages[room].includes(target)
    })
    assert.deepEqual(broken, [])
  })

  it("has no room without a name", () => {
    assert.deepEqual(
      filesIn(source).filter((file) => /\b(utils?|helpers?|common|misc)\b/.test(file)),
      [],
    )
  })
})
