/**
 * The name that keeps this store's keys apart from those of other stores on the same Redis, when the options
 * give none: who the database says it is. How a process reaches it (another host name, PgBouncer) does not
 * matter, so all processes of a store agree.
 */
import { createHash } from "node:crypto"

/** The part of knex that is used. */
export interface Database {
  raw(sql: string): Promise<{ rows: Record<string, string>[] }>
}

/** The server's own number, made when its data folder was; then the database in it. */
const whole = `select (pg_control_system()).system_identifier::text as server, current_database() as name,
  current_schema() as part`
/** For a role that may not ask for it. */
const partly = `select concat(inet_server_addr(), ':', inet_server_port()) as server, current_database() as name,
  current_schema() as part`

export async function defaultEnvironment(database: Database): Promise<string> {
  const { rows } = await database.raw(whole).catch(() => database.raw(partly))
  const { server, name, part } = rows[0]!
  return createHash("sha1")
    .update(JSON.stringify([server, name, part]))
    .digest("hex")
    .slice(0, 12)
}
