/**
 * A configuration of PgBouncer for a Medusa store, in transaction mode: many connections of the store's processes share
 * few of the server's (pgbouncer.org/config.html, 1.18 and newer).
 */
import { withPatient } from "./patient"

export interface PgBouncerOptions {
  databaseUrl: string
  /** Of the store: servers and workers. */
  processes: number
  /** The most connections one of them opens (databaseDriverOptions.pool.max). Medusa's own default is 10. */
  pool: number
  signal?: AbortSignal
}

/** Fewer do not keep the server's processors busy, more only wait inside it instead of before it. */
const servers = { least: 20, most: 50, each: 5 }
/** For migrations, backups and who looks after the server. */
const reserve = 10

const sql = `
  select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as free`

/** @throws DoctorError */
export function pgbouncerConfiguration(options: PgBouncerOptions): Promise<string> {
  const { databaseUrl, processes, pool, signal } = options
  return withPatient(
    databaseUrl,
    async ({ ask, schema }) => {
      const [{ free } = { free: 100 }] = await ask<{ free: number }>(sql)
      // One direct connection of each process hears the feed.
      const room = Math.max(1, free - reserve - processes)
      const size = Math.min(room, Math.max(servers.least, Math.min(servers.most, processes * servers.each)))
      // During a deployment the old processes and the new are there at once.
      const clients = Math.max(100, 2 * processes * pool)
      return textOf(new URL(databaseUrl), { size, clients, processes, pool, schema })
    },
    signal,
  )
}

interface Sizes {
  size: number
  clients: number
  processes: number
  pool: number
  /** Of the store's tables. */
  schema: string
}

function textOf(url: URL, { size, clients, processes, pool, schema }: Sizes): string {
  const name = decodeURIComponent(url.pathname.slice(1))
  const host = url.hostname.replace(/^\[|\]$/g, "") || url.searchParams.get("host") || "127.0.0.1"
  // What a client says of the schema when it connects is ignored, as the rest of it.
  const path = schema === "public" ? "" : ` connect_query='set search_path to ${schema}'`
  const user = decodeURIComponent(url.username) || "medusa"
  return `; ${processes} processes of Medusa with up to ${pool} connections each share ${size} of the server's.
[databases]
${name} = host=${host} port=${url.port || 5432} dbname=${name}${path}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
; "${user}" "SCRAM-SHA-256 or plain password", one line a user
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/userlist.txt
logfile = /var/log/postgresql/pgbouncer.log
pidfile = /run/postgresql/pgbouncer.pid

; A server's connection is a client's for one transaction.
pool_mode = transaction
default_pool_size = ${size}
min_pool_size = ${Math.min(size, 5)}
; Who waits longer than 5 seconds may use these, too.
reserve_pool_size = 5
reserve_pool_timeout = 5
max_client_conn = ${clients}

; node-postgres sends these when it connects. In this mode they cannot be kept for one client: set on the server what
; shall hold, such as alter role ${user} set idle_in_transaction_session_timeout = '60s'.
ignore_startup_parameters = extra_float_digits, options, statement_timeout, lock_timeout, idle_in_transaction_session_timeout

server_idle_timeout = 600
server_lifetime = 3600
; A request that found no connection for so long is better refused than kept.
query_wait_timeout = 30

; In medusa-config: databaseUrl goes to port 6432 here, and withPegasus hears the feed on a connection of its own:
;   feed: { databaseUrl: "postgres://${user}:…@${url.hostname}:${url.port || 5432}/${name}" }
; medusa db:migrate runs with the direct address, too.
`
}
