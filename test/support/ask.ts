/** One request to a store, as a browser in the shop makes it. */
import type { Ready } from "./store"

export interface Asked {
  method: string
  path: string
  body?: unknown
  headers?: Record<string, string>
}

export async function ask(
  { url, publishableKey }: Ready,
  { method, path, body, headers }: Asked,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { "x-publishable-api-key": publishableKey, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text() }
}

// biome-ignore lint/suspicious/noExplicitAny: what a store answers
export const parsed = (text: string): any => (text === "" ? {} : JSON.parse(text))

/** The token of the admin. */
export async function adminTokenOf(ready: Ready): Promise<string> {
  const body = { email: ready.adminEmail, password: ready.adminPassword }
  const { text } = await ask(ready, { method: "POST", path: "/auth/user/emailpass", body })
  return parsed(text).token
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
