/** What makes an answer one for another origin (the Fetch standard's CORS), as Medusa says it. */

/** The library that Medusa itself uses; it brings no types. */
const cors = require("cors") as (options: object) => (req: object, res: object, next: () => void) => void

/** How many origins are remembered. */
const mostOrigins = 1_000

/**
 * As Medusa does it (framework/dist/http/router.js, `createCorsOptions`, 2.21.2), by the same library.
 * @param origins that are allowed
 */
export function crossOriginOf(
  origins: readonly (string | RegExp)[],
): (origin: string | undefined) => [string, string][] {
  const allow = cors({ origin: origins, credentials: true, preflightContinue: false })
  const known = new Map<string | undefined, [string, string][]>()
  return (origin) => {
    let found = known.get(origin)
    if (!found) {
      const headers = new Map<string, string>()
      const setHeader = (name: string, value: string) => headers.set(name, value)
      allow(
        { method: "GET", headers: { origin } },
        { setHeader, getHeader: () => undefined } as never,
        () => undefined,
      )
      found = [...headers].filter(([name]) => name !== "Vary")
      if (known.size < mostOrigins) known.set(origin, found)
    }
    return found
  }
}
