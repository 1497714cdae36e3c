/** Stores on one database: two of the mode under test, and one that caches nothing, which tells the truth. */
import { need } from "../../demo/run/services"
import { adminTokenOf, ask, bearer, parsed } from "../support/ask"
import { copyOfDemo } from "../support/demo-database"
import { type Kind, optionsOf, type Ready, startStore } from "../support/store"

type Json = Record<string, unknown>

export interface Store {
  ready: Ready
  /** What a shopper gets: the body, or the status when it is an error. */
  get(path: string, headers?: Record<string, string>): Promise<unknown>
  post(path: string, body: Json, headers?: Record<string, string>): Promise<unknown>
  /** @throws when the answer is an error */
  admin(method: string, path: string, body?: unknown): Promise<Json>
}

export interface Scene {
  /** Where changes are made by an admin. */
  first: Store
  second: Store
  truth: Store
  sql(text: string, values?: unknown[]): Promise<Json[]>
  close(): Promise<void>
}

export async function openScene(kind: Kind, secondKind = kind): Promise<Scene> {
  const services = await need(["redis"])
  const database = await copyOfDemo("pegasus_freshness")
  const args = ["--database-url", database.url, "--redis-url", services.urls.redis]
  const stops: (() => Promise<void>)[] = []
  const open = async (kind: Kind): Promise<Store> => {
    const { ready, stop } = await startStore([...optionsOf(kind), ...args])
    stops.push(stop)
    return storeAt(ready)
  }
  // The first makes the triggers.
  const [truth, first] = await Promise.all([open("off"), open(kind)])
  const second = await open(secondKind)
  return {
    first,
    second,
    truth,
    sql: async (text, values) => (await database.client.query(text, values)).rows,
    close: async () => {
      await Promise.all(stops.map((stop) => stop()))
      await database.drop()
      await services.release()
    },
  }
}

async function storeAt(ready: Ready): Promise<Store> {
  const send = async (method: string, path: string, body: unknown, headers: Record<string, string>) => {
    const { status, text } = await ask(ready, { method, path, body, headers })
    return { status, body: parsed(text) }
  }
  const authorization = bearer(await adminTokenOf(ready))
  return {
    ready,
    get: async (path, headers = {}) => {
      const answer = await send("GET", path, undefined, headers)
      return answer.status === 200 ? answer.body : { status: answer.status }
    },
    post: async (path, given, headers = {}) => {
      const answer = await send("POST", path, given, headers)
      return answer.status === 200 ? answer.body : { status: answer.status, ...answer.body }
    },
    admin: async (method, path, given) => {
      const answer = await send(method, `/admin/${path}`, given, authorization)
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
      return answer.body
    },
  }
}
