/**
 * A database that is looked at and not touched. Each question is a transaction of its own that may only read and has a
 * time limit: nothing is held between them, and a pool in transaction mode may stand between.
 */
import { Client, type QueryResultRow } from "pg"
import { DoctorError } from "./errors"

export interface Patient {
  /** In a transaction that may only read. @throws what PostgreSQL throws */
  ask<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** Several questions in one transaction, which is rolled back. `mayWrite` only where the user said so. */
  rolledBack<T>(work: (client: Client) => Promise<T>, mayWrite?: boolean): Promise<T>
  /** Of the server, such as 18.4. */
  version: string
  major: number
  role: Role
  /** Installed in this database, and in which schema each is. */
  extensions: ReadonlyMap<string, string>
  /** Where the store's tables are. */
  schema: string
}

export interface Role {
  name: string
  /** Superuser, or a member of pg_read_all_stats. */
  seesStatistics: boolean
  /** May read the rows of the store's tables, which planning a statement asks for, too. */
  readsTables: boolean
}

/** The longest that one question may take, in milliseconds. */
const questionLimit = 15_000
const connectionLimit = 10_000
const oldestMajor = 13
/** Before each question: what the doctor asks is none of the store's statements. */
const mark = "/* pegasus doctor */"

/** @throws DoctorError */
export async function withPatient<T>(
  databaseUrl: string,
  work: (patient: Patient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (!/^postgres(ql)?:\/\/./.test(databaseUrl) || !URL.canParse(databaseUrl)) {
    throw new DoctorError(
      "DOCTOR_URL_INVALID",
      "This is not the address of a PostgreSQL database.",
      "Write postgres://user:password@host:5432/name.",
    )
  }
  const client = new Client({
    connectionString: databaseUrl,
    application_name: "pegasus doctor",
    connectionTimeoutMillis: connectionLimit,
  })
  client.on("error", () => undefined)
  await client.connect().catch((cause) => {
    throw unreachable(databaseUrl, cause)
  })
  const cut = () => void cancel(databaseUrl, client).finally(() => client.end().catch(() => undefined))
  signal?.addEventListener("abort", cut)
  try {
    return await work(await meet(client))
  } finally {
    signal?.removeEventListener("abort", cut)
    await client.end().catch(() => undefined)
  }
}

/** A statement goes on at the server when its client has gone. */
async function cancel(databaseUrl: string, client: Client): Promise<void> {
  const { processID } = client as Client & { processID: number | null }
  const other = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000 })
  other.on("error", () => undefined)
  try {
    await other.connect()
    await other.query("select pg_cancel_backend($1)", [processID])
  } catch {
    // Then it ends with its time limit.
  } finally {
    await other.end().catch(() => undefined)
  }
}

function unreachable(databaseUrl: string, cause: unknown): DoctorError {
  const { host, pathname, searchParams } = new URL(databaseUrl)
  const { code, message } = cause as { code?: string; message: string }
  const place = host || searchParams.get("host") || "the default address"
  // Class 28, and 3D: who, and what (PostgreSQL's manual, appendix A).
  return /^(28|3D)/.test(code ?? "")
    ? new DoctorError(
        "DOCTOR_REFUSED",
        `${place} does not let us into ${pathname.slice(1) || "a database without a name"}: ${message}.`,
        "Look at the name of the database, the role and its password.",
        cause,
      )
    : new DoctorError(
        "DOCTOR_UNREACHABLE",
        `No server answers at ${place}: ${message || code}.`,
        "Start it, or correct the address; if it has no connection left, wait for one.",
        cause,
      )
}

const theServer = `
  select current_setting('server_version') as version,
    current_setting('server_version_num')::int / 10000 as major,
    current_user as name,
    pg_has_role(current_user, 'pg_read_all_stats', 'usage') as "seesStatistics",
    (select json_object_agg(e.extname, n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace) as extensions,
    current_schema() as schema,
    (select count(*) from pg_tables where schemaname = current_schema()
      and tablename in ('product', 'order', 'cart', 'workflow_execution', 'link_module_migrations'))::int as tables,
    coalesce(has_table_privilege(to_regclass('product'), 'select'), false) as "readsTables"`

async function meet(client: Client): Promise<Patient> {
  const transaction = async <T>(work: () => Promise<T>, mayWrite = false): Promise<T> => {
    await client.query(mayWrite ? "begin" : "begin read only")
    try {
      await client.query(`set local statement_timeout = ${questionLimit}`)
      return await work()
    } finally {
      await client.query("rollback")
    }
  }
  const ask = async <Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
    transaction(async () => (await client.query<Row>(`${mark} ${sql}`, [...values])).rows)

  const [server] = await ask<{
    version: string
    major: number
    name: string
    seesStatistics: boolean
    readsTables: boolean
    extensions: Record<string, string>
    schema: string
    tables: number
  }>(theServer)
  const { version, major, name, seesStatistics, readsTables, extensions, schema, tables } = server!
  if (major < oldestMajor) {
    throw new DoctorError(
      "DOCTOR_TOO_OLD",
      `The server is PostgreSQL ${version}.`,
      `The doctor knows ${oldestMajor} and newer, as Medusa does.`,
    )
  }
  if (tables < 3) {
    throw new DoctorError(
      "DOCTOR_NOT_MEDUSA",
      "The database holds no Medusa v2 store: its tables are not there.",
      "Give the store's own database; if its tables are in another schema, add ?options=-csearch_path%3DNAME.",
    )
  }
  return {
    ask,
    rolledBack: (work, mayWrite) => transaction(() => work(client), mayWrite),
    version,
    major,
    role: { name, seesStatistics, readsTables },
    extensions: new Map(Object.entries(extensions)),
    schema,
  }
}
