import { type ParseArgsConfig, parseArgs } from "node:util"
import { type Severity, severities } from "../doctor"

export const help = `Usage: pegasus bench rows|load|all --store LABEL=FILE_OR_JSON [--store …] [options]
       pegasus doctor [options]
       pegasus audit [DIR] [--json]
       pegasus trace [--store DIR] [--header "Name: value" …] [--json] -- PATH
       pegasus feed status|install|remove [options]
       pegasus pgbouncer [--database-url URL] [--processes N] [--pool N]
       pegasus explain URL [--header "Name: value" …]
       pegasus proxy --upstream URL [--port N] [--host ADDRESS]
       pegasus warm URL [--header "Name: value" …] [--rate N] [--paths FILE]

bench measures running Medusa stores over HTTP. The first store is the baseline of the others.

  rows    a shopper's way from the product list to the order, one request at a time
  load    many connections on the product list, beside a bare node:http server
  all     both

  --store LABEL=FILE_OR_JSON  a store: what it prints after READY, or a file with it
  --rounds N                  shoppers in each store and setting (rows, all; 20)
  --warmup N                  shoppers before them that are not counted (rows, all; 3)
  --connections N             at once (load, all; 500)
  --requests N                in all, to each store (load, all; 10000)
  --json FILE                 write everything found, with every sample
  --html FILE                 write one page with charts
  --note TEXT                 a remark that goes into the reports

doctor looks for what is slow in a store's PostgreSQL, proves the fix, and changes nothing.

  --database-url URL          the store's database (default: the environment's DATABASE_URL)
  --store DIR                 the store, for its settings (default: here, if it is one)
  --try                       for a copy of the database: build indexes in a transaction that is rolled back, and measure
  --json                      print everything found as JSON
  --html FILE                 write one page
  --write-migrations DIR      write the remedies as a migration script, such as to src/migration-scripts
  --plan                      the four weeks in which a store becomes fast, and what is done of them
  --url URL                   a running store, for the plan; --header "x-publishable-api-key: …" with it
  --fail-on SEVERITY          end with 1 when there is a finding of this severity or worse: critical, warning, note

audit finds loops in a store's source that ask the database once an element.

  DIR                         the source (src)

trace starts the built store, asks it once, and shows each statement with the line of source that asked it.

  PATH                        such as /store/products
  --store DIR                 the store (default: here)

feed looks after the triggers by which PostgreSQL tells what was committed.

  status   which tables tell their changes, which do not, and which never will
  install  makes all of them tell; prints the SQL first
  remove   takes everything out again; prints the SQL first

  --database-url URL          the store's database (default: the environment's DATABASE_URL)
  --schema NAME               of the store's tables, if the connection does not say
  --dry-run                   only print the SQL

proxy answers what is kept from a process of its own, and hands on the rest; run it where medusa start runs.

  --upstream URL              the store, such as http://127.0.0.1:9001
  --port N                    where it listens (9000)
  --host ADDRESS              and on which address (all)

pgbouncer prints a configuration of PgBouncer in transaction mode.

  --database-url URL          the store's database (default: the environment's DATABASE_URL)
  --processes N               of the store, servers and workers (2)
  --pool N                    connections that each may open (10, as Medusa)

explain asks a running store twice and says which way each request took; warm asks for what shoppers will ask for.

  --header "Name: value"      sent along, such as x-publishable-api-key; may come again
  --rate N                    requests a second at most (warm; 20)
  --paths FILE                what to ask for, a path a line (warm; default: lists and products of every region)

  --help, --version

doctor ends with 0, or with 1 where --fail-on says so; audit and trace end with 1 when they found a loop.
explain ends with 0 when the second answer was a hit, warm when every answer was 200, feed status when every table tells.
bench ends with 0 when every answer was right, 1 when one was wrong or a run failed, 2 when it was called wrongly.
`

export interface BenchArguments {
  command: "bench"
  rows: { rounds?: number; warmup?: number } | undefined
  load: { connections?: number; requests?: number } | undefined
  stores: { label: string; source: string }[]
  json?: string
  html?: string
  note?: string
}

export interface FeedArguments {
  command: "feed"
  task: "status" | "install" | "remove"
  databaseUrl?: string
  schema?: string
  dryRun: boolean
}

export interface ExplainArguments {
  command: "explain"
  url: string
  headers: Record<string, string>
}

export interface WarmArguments extends Omit<ExplainArguments, "command"> {
  command: "warm"
  /** Requests a second. */
  rate: number
  /** A file with a path a line. */
  paths?: string
}

export interface ProxyArguments {
  command: "proxy"
  upstream: string
  port: number
  host?: string
}

export interface DoctorArguments {
  command: "doctor"
  databaseUrl?: string
  mayTry: boolean
  isJson: boolean
  html?: string
  migrations?: string
  failOn?: Severity
  /** A folder. */
  store?: string
  isPlan: boolean
  url?: string
  headers: Record<string, string>
}

export interface AuditArguments {
  command: "audit"
  folder: string
  isJson: boolean
}

export interface TraceArguments {
  command: "trace"
  path: string
  /** A folder. */
  store: string
  headers: Record<string, string>
  isJson: boolean
}

export interface PgBouncerArguments {
  command: "pgbouncer"
  databaseUrl?: string
  processes: number
  pool: number
}

export type Arguments =
  | { command: "help" }
  | { command: "version" }
  | BenchArguments
  | DoctorArguments
  | AuditArguments
  | TraceArguments
  | PgBouncerArguments
  | FeedArguments
  | ExplainArguments
  | WarmArguments
  | ProxyArguments

/** The command line cannot be understood; exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

const text = { type: "string" } as const
const flag = { type: "boolean" } as const
const everywhere = { help: flag, version: flag } as const
const ofReports = {
  store: { type: "string", multiple: true },
  json: text,
  html: text,
  note: text,
} as const
const ofFeed = { "database-url": text, schema: text, "dry-run": flag } as const
const ofHttp = { header: { type: "string", multiple: true }, rate: text, paths: text } as const
const ofProxy = { upstream: text, port: text, host: text } as const
const ofRows = { rounds: text, warmup: text }
const ofLoad = { connections: text, requests: text }
const options = {
  ...everywhere,
  ...ofReports,
  ...ofRows,
  ...ofLoad,
  ...ofFeed,
  ...ofHttp,
  ...ofProxy,
}

/** @throws UsageError */
export function parseArguments(argv: readonly string[]): Arguments {
  if (argv[0] === "doctor") return doctorArguments(argv.slice(1))
  if (argv[0] === "audit") return auditArguments(argv.slice(1))
  if (argv[0] === "trace") return traceArguments(argv.slice(1))
  if (argv[0] === "pgbouncer") return pgbouncerArguments(argv.slice(1))
  const { values, positionals } = read(argv)
  if (values.help || argv.length === 0) return { command: "help" }
  if (values.version) return { command: "version" }

  const [command, scenario, ...extra] = positionals
  if (command === "feed") return feedArguments(values, scenario, extra)
  if (command === "explain" || command === "warm") return httpArguments(command, values, scenario, extra)
  if (command === "proxy") return proxyArguments(values, positionals.slice(1))
  if (command !== "bench") throw new UsageError(`There is no command "${command ?? ""}".`)
  if (scenario !== "rows" && scenario !== "load" && scenario !== "all") {
    throw new UsageError(`bench measures rows, load or all, not "${scenario ?? ""}".`)
  }
  noMore(extra)
  allow(values, { ...ofReports, ...ofRows, ...ofLoad }, "bench")
  if (!values.store) throw new UsageError("bench needs at least one --store LABEL=FILE_OR_JSON.")

  if (scenario === "load") refuse(values, ofRows, "bench load")
  if (scenario === "rows") refuse(values, ofLoad, "bench rows")
  return {
    command,
    rows: scenario === "load" ? undefined : { ...whole(values, "rounds", 1), ...whole(values, "warmup", 0) },
    load:
      scenario === "rows"
        ? undefined
        : { ...whole(values, "connections", 1), ...whole(values, "requests", 1) },
    stores: values.store.map(storeOf),
    ...(values.json !== undefined && { json: values.json }),
    ...(values.html !== undefined && { html: values.html }),
    ...(values.note !== undefined && { note: values.note }),
  }
}

const read = (argv: readonly string[]) => parsed(argv, options)

function parsed<Options extends NonNullable<ParseArgsConfig["options"]>>(
  argv: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

type Values = ReturnType<typeof read>["values"]

/** By itself: its `--json` is a flag. */
function doctorArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parsed(argv, {
    ...everywhere,
    "database-url": text,
    try: flag,
    json: flag,
    html: text,
    "write-migrations": text,
    "fail-on": text,
    store: text,
    plan: flag,
    url: text,
    header: { type: "string", multiple: true },
  })
  if (values.help) return { command: "help" }
  noMore(positionals)
  const { "database-url": databaseUrl, html, "write-migrations": migrations, "fail-on": failOn } = values
  const { store, url } = values
  if (url !== undefined && !URL.canParse(url))
    throw new UsageError(`--url is the URL of a store, not "${url}".`)
  if (!values.plan) refuse(values, { url: text, header: text }, "doctor without --plan")
  if (failOn !== undefined && !isSeverity(failOn)) {
    throw new UsageError(`--fail-on is ${severities.join(", ")}, not "${failOn}".`)
  }
  return {
    command: "doctor",
    ...(databaseUrl !== undefined && { databaseUrl }),
    mayTry: values.try ?? false,
    isJson: values.json ?? false,
    ...(html !== undefined && { html }),
    ...(migrations !== undefined && { migrations }),
    ...(failOn !== undefined && { failOn }),
    ...(store !== undefined && { store }),
    isPlan: values.plan ?? false,
    ...(url !== undefined && { url }),
    headers: Object.fromEntries((values.header ?? []).map(headerOf)),
  }
}

function auditArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parsed(argv, { ...everywhere, json: flag })
  if (values.help) return { command: "help" }
  const [folder = "src", ...extra] = positionals
  noMore(extra)
  return { command: "audit", folder, isJson: values.json ?? false }
}

function traceArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parsed(argv, {
    ...everywhere,
    json: flag,
    store: text,
    header: { type: "string", multiple: true },
  })
  if (values.help) return { command: "help" }
  const [given = "", ...extra] = positionals
  noMore(extra)
  const { pathname, search } = URL.canParse(given, "http://store")
    ? new URL(given, "http://store")
    : { pathname: "", search: "" }
  if (!/^(\/|https?:)/.test(given))
    throw new UsageError(`trace needs a path, such as /store/products, not "${given}".`)
  return {
    command: "trace",
    path: `${pathname}${search}`,
    store: values.store ?? ".",
    headers: Object.fromEntries((values.header ?? []).map(headerOf)),
    isJson: values.json ?? false,
  }
}

function pgbouncerArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parsed(argv, {
    ...everywhere,
    "database-url": text,
    processes: text,
    pool: text,
  })
  if (values.help) return { command: "help" }
  noMore(positionals)
  const { "database-url": databaseUrl } = values
  const { processes = 2 } = whole(values, "processes", 1) as { processes?: number }
  const { pool = 10 } = whole(values, "pool", 1) as { pool?: number }
  return { command: "pgbouncer", ...(databaseUrl !== undefined && { databaseUrl }), processes, pool }
}

const isSeverity = (text: string): text is Severity => (severities as readonly string[]).includes(text)

function feedArguments(values: Values, task: string | undefined, extra: string[]): FeedArguments {
  if (task !== "status" && task !== "install" && task !== "remove") {
    throw new UsageError(`feed does status, install or remove, not "${task ?? ""}".`)
  }
  noMore(extra)
  allow(values, ofFeed, "feed")
  const { "database-url": databaseUrl, schema, "dry-run": dryRun = false } = values
  return {
    command: "feed",
    task,
    ...(databaseUrl !== undefined && { databaseUrl }),
    ...(schema !== undefined && { schema }),
    dryRun,
  }
}

function proxyArguments(values: Values, extra: string[]): ProxyArguments {
  noMore(extra)
  allow(values, ofProxy, "proxy")
  const { upstream = "", host } = values
  const isPlace = /^https?:\/\/[^/?#]+\/?$/.test(upstream) && URL.canParse(upstream)
  if (!isPlace)
    throw new UsageError(`proxy needs --upstream, such as http://127.0.0.1:9001, not "${upstream}".`)
  const { port = 9_000 } = whole(values, "port", 0) as { port?: number }
  if (port > 65_535) throw new UsageError(`--port is at most 65535, not "${port}".`)
  return { command: "proxy", upstream, port, ...(host !== undefined && { host }) }
}

function httpArguments(
  command: "explain" | "warm",
  values: Values,
  url: string | undefined,
  extra: string[],
): ExplainArguments | WarmArguments {
  if (!url || !URL.canParse(url))
    throw new UsageError(`${command} needs the URL of a store, not "${url ?? ""}".`)
  noMore(extra)
  allow(values, ofHttp, command)
  const headers = Object.fromEntries((values.header ?? []).map(headerOf))
  if (command === "explain") {
    refuse(values, { rate: text, paths: text }, command)
    return { command, url, headers }
  }
  const { rate = 20 } = whole(values, "rate", 1) as { rate?: number }
  return { command, url, headers, rate, ...(values.paths !== undefined && { paths: values.paths }) }
}

function headerOf(line: string): [name: string, value: string] {
  const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? []
  if (name === undefined) throw new UsageError(`--header is "Name: value", not "${line}".`)
  return [name, value!]
}

function noMore(words: readonly string[]): void {
  if (words.length > 0) throw new UsageError(`"${words[0]}" has no meaning here.`)
}

/** Only these options mean something here. */
function allow(values: Values, allowed: object, place: string): void {
  const known = { ...everywhere, ...allowed }
  const others = Object.entries(options).filter(([name]) => !(name in known))
  refuse(values, Object.fromEntries(others), place)
}

function refuse(values: object, options: object, place: string): void {
  const given = Object.keys(options).find((name) => name in values)
  if (given) throw new UsageError(`--${given} has no meaning for ${place}.`)
}

function whole<Name extends string>(values: Partial<Record<Name, string>>, name: Name, least: number) {
  const value = values[name]
  if (value === undefined) return {}
  if (!/^\d+$/.test(value) || Number(value) < least) {
    throw new UsageError(`--${name} is a whole number from ${least} on, not "${value}".`)
  }
  return { [name]: Number(value) } as Record<Name, number>
}

function storeOf(option: string): { label: string; source: string } {
  const at = option.indexOf("=")
  if (at < 1 || at === option.length - 1)
    throw new UsageError(`--store is LABEL=FILE_OR_JSON, not "${option}".`)
  return { label: option.slice(0, at), source: option.slice(at + 1) }
}
