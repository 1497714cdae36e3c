/**
 * A link is made by one `insert` in a transaction of its own, which asks for what the database put into it (`returning`): then nothing is left but to commit. Both go in one message.
 *
 * The seam: `create` of the services of links (link-modules/dist/services/link-module-service.js:89, 2.21.2), when it is not part of somebody's transaction. Of what is sent in it
 * only the first statement counts; should another follow in the same transaction, it begins anew.
 */
import { Carried } from "../tracking"
import { isLink, loadedServices, type Method, type Service } from "./module-reads"

/** More are made by several inserts (utils/dist/dal/mikro-orm/mikro-orm-create-connection.js:82). */
const mostLinks = 100

const single = new Carried<{ sent?: string }>()

/** Whether the statement that is sent in this context is all that its transaction does. To be asked once for each. */
export function isAllOfTransaction(sql: string): boolean {
  const write = single.value
  if (!write || write.sent !== undefined || !sql.startsWith("insert into")) return false
  write.sent = sql
  return true
}

/** Makes what sends one such statement, and tells which. Rejects with what `make` rejects with. */
export async function statementOfSingle<T>(
  make: () => Promise<T>,
): Promise<{ answer: T; sql: string | undefined }> {
  const write: { sent?: string } = {}
  const answer = await single.run(write, make)
  return { answer, sql: write.sent }
}

/** The services of links; of those that are only read nothing is written. */
export function writtenLinks(): Service[] {
  const services = loadedServices().map(([, service]) => service)
  return services.filter((service) => isLink(service) && typeof service.create === "function")
}

/** Whether `create` of a link may be a part of somebody's transaction. @param context what it is given last */
export function isOfOther(context: unknown): boolean {
  const { manager, transactionManager } = (context ?? {}) as Record<string, unknown>
  return manager !== undefined || transactionManager !== undefined
}

/** @returns false when it is not as expected, and nothing was changed */
export function commitLinksAtOnce(): boolean {
  const links = writtenLinks()
  for (const link of links) makeAtOnce(link)
  return links.length > 0
}

/** @param service of a link */
export function makeAtOnce(service: Service): void {
  const create = service.create as Method
  service.create = function (this: unknown, ...given: unknown[]) {
    const make = () => create.apply(this, given)
    const isLong = Array.isArray(given[0]) && given[0].length > mostLinks
    const isWithin = single.value !== undefined && single.value.sent === undefined
    return isOfOther(given[3]) || isLong || isWithin ? make() : single.run({}, make)
  }
}
