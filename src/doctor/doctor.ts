/**
 * The doctor: looks at a store's PostgreSQL, says what is slow and why, proves each remedy before it recommends it, and
 * changes nothing.
 */
import { advise } from "./advisor/advise"
import { type Finding, severities } from "./check"
import { checks } from "./checks"
import { type Patient, withPatient } from "./patient"
import { examineSettings, type StoreSettings } from "./settings"
import { type Statement, type Workload, withoutConstants, workloadOf } from "./workload"

export interface Diagnosis {
  format: "medusa-pegasus/doctor@1"
  /** ISO 8601. */
  date: string
  /** Absent when only the settings were looked at. */
  server?: {
    version: string
    database: string
    role: string
    /** Whether a monitor is connected that can be recognised; absent where it cannot be seen. */
    isWatched?: boolean
  }
  /** What could not be looked at, and what would help. */
  hidden: { /** The check, if one did not come to its end. */ check?: string; what: string; remedy: string }[]
  /** What saves most first. */
  findings: Finding[]
  workload?: {
    /** Milliseconds, since the statistics began. */
    total: number
    byTotal: Statement[]
    byMean: Statement[]
    byCalls: Statement[]
  }
  /** How many statements the advisor planned, and how many could not be. */
  planned: number
  refused: number
}

export interface DoctorOptions {
  /** Without one only the settings are looked at. */
  databaseUrl?: string | undefined
  settings?: StoreSettings | undefined
  /** What could not be looked at before. */
  hidden?: Diagnosis["hidden"] | undefined
  /**
   * Indexes may be built in a transaction that is rolled back, and statements run: for a copy of the database, since
   * writers wait meanwhile.
   */
  mayTry?: boolean
  /** What is being looked at. */
  progress?: (text: string) => void
  signal?: AbortSignal
}

const shown = 5
/** What is hidden where no index can be tried. */
export const unpricedIndexes = "which indexes pay"

/** @throws DoctorError */
export async function examine(options: DoctorOptions): Promise<Diagnosis> {
  const { databaseUrl, settings, hidden = [] } = options
  const ofSettings = settings ? examineSettings(settings) : []
  const seen = databaseUrl === undefined ? nothing : await examineDatabase(databaseUrl, options)
  return {
    format: "medusa-pegasus/doctor@1",
    date: new Date().toISOString(),
    ...seen,
    hidden: [...hidden, ...seen.hidden],
    findings: [...ofSettings, ...seen.findings].sort(worseFirst),
  }
}

type Seen = Omit<Diagnosis, "format" | "date">
const nothing: Seen = { hidden: [], findings: [], planned: 0, refused: 0 }

function examineDatabase(databaseUrl: string, options: DoctorOptions): Promise<Seen> {
  const { mayTry = false, progress = () => undefined, signal } = options
  return withPatient(
    databaseUrl,
    async (patient) => {
      const hidden = hiddenFrom(patient)
      const findings: Finding[] = []
      progress("the statements")
      const workload = await workloadOf(patient)
      const examined = { ...patient, workload }
      for (const check of checks) {
        progress(check.title)
        signal?.throwIfAborted()
        try {
          findings.push(...(await check.examine(examined)))
        } catch (error) {
          signal?.throwIfAborted()
          hidden.push({ check: check.name, what: check.title, remedy: said(error) })
        }
      }
      const advice = await advise(patient, {
        workload,
        wanted: findings.flatMap(({ fix }) => fix?.index ?? []),
        mayWrite: mayTry,
        progress,
      }).catch((error: unknown) => {
        signal?.throwIfAborted()
        return { findings: [], gains: new Map(), hindrance: said(error), planned: 0, refused: 0 }
      })
      if (advice.hindrance) hidden.push({ what: unpricedIndexes, remedy: advice.hindrance })
      const all = [...findings.map((finding) => withGain(finding, advice.gains)), ...advice.findings]
      return {
        server: {
          version: patient.version,
          database: databaseOf(databaseUrl),
          role: patient.role.name,
          ...(patient.role.seesStatistics && { isWatched: await isWatched(patient) }),
        },
        hidden,
        findings: withoutDoubles(all),
        ...(workload && { workload: slowestOf(workload) }),
        planned: advice.planned,
        refused: advice.refused,
      }
    },
    signal,
  )
}

const said = (error: unknown) => `PostgreSQL says: ${withoutConstants((error as Error).message)}.`

const theMonitors = `
  select exists (select from pg_stat_activity
    where concat_ws(' ', application_name, usename) ~* '(exporter|datadog|pganalyze|pghero|newrelic|zabbix|grafana|prometheus)') as found`

async function isWatched({ ask }: Patient): Promise<boolean> {
  const [row] = await ask<{ found: boolean }>(theMonitors)
  return row?.found === true
}

function hiddenFrom({ role, extensions }: Patient): Diagnosis["hidden"] {
  const hidden: Diagnosis["hidden"] = []
  if (!role.seesStatistics) {
    hidden.push({
      what: "other roles' statements and transactions",
      remedy: `grant pg_read_all_stats to ${role.name}`,
    })
  } else if (!extensions.has("pg_stat_statements")) {
    hidden.push({ what: "the statements the store asks", remedy: "See the finding statement-statistics." })
  }
  if (!role.readsTables) {
    hidden.push({
      what: "plans, left carts and finished workflows",
      remedy: `grant pg_read_all_data to ${role.name}`,
    })
  }
  return hidden
}

function withGain(finding: Finding, gains: ReadonlyMap<string, NonNullable<Finding["gain"]>>): Finding {
  const gain = finding.fix?.index && gains.get(finding.fix.index.name)
  return gain ? { ...finding, gain } : finding
}

/** Two checks may ask for the same index. */
function withoutDoubles(findings: Finding[]): Finding[] {
  const asked = new Set<string>()
  return findings.filter(({ fix }) => {
    if (!fix?.index) return true
    const name = `${fix.index.table} ${fix.index.columns[0]}`
    const isFirst = !asked.has(name)
    asked.add(name)
    return isFirst || fix.index.columns.length > 1
  })
}

const savedBy = ({ gain }: Finding) => (gain ? (gain.saved ?? 1) : 0)

const worseFirst = (a: Finding, b: Finding) =>
  savedBy(b) - savedBy(a) || severities.indexOf(a.severity) - severities.indexOf(b.severity)

function slowestOf({ statements, total }: Workload): NonNullable<Diagnosis["workload"]> {
  const by = (value: (statement: Statement) => number) =>
    [...statements]
      .sort((a, b) => value(b) - value(a))
      .slice(0, shown)
      .map((statement) => ({
        ...statement,
        text: withoutConstants(statement.text.replace(/\s+/g, " ").trim()),
      }))
  return {
    total,
    byTotal: by(({ total }) => total),
    byMean: by(({ mean }) => mean),
    byCalls: by(({ calls }) => calls),
  }
}

function databaseOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl)
  return `${host}${pathname}`
}
