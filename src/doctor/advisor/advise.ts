/**
 * Which indexes pay.
 *
 * Every statement of the workload, and what every Medusa store asks, is planned with constants of the store's own.
 * From the plans come candidates; each is priced by planning all statements of its table with it. The one that saves
 * most is kept, then the one that saves most beside it, as long as one saves enough for what it costs at each write.
 *
 * An index that is not there is made in one of two ways. hypopg makes it up: nothing is built, no lock is taken, and
 * the planner names the cost. Where the user said that the database may be written to, it is built for real in a
 * transaction that is rolled back: then the statements are run as well, with and without, and the gain is measured.
 * Without either nothing is recommended.
 */
import type { Client } from "pg"
import type { Finding, Gain } from "../check"
import { buildIndex, type IndexShape, indexSql, quoted } from "../fixes"
import type { Patient } from "../patient"
import { type Explained, explainedOf, nodesOf } from "../plan"
import { type Workload, withoutConstants } from "../workload"
import { candidatesOf, fewRows, type TableFacts } from "./candidates"
import { ready, valuesBy, withConstants } from "./constants"
import { knownStatements } from "./known-statements"
import { gainOf, measureLimit, type Question, type Trial } from "./question"
import { hasSearches, searchFindings } from "./searches"

export interface Advice {
  findings: Finding[]
  /** By the name of an index that a check asked for: what it gained. */
  gains: ReadonlyMap<string, Gain>
  /** What stood in the way, if nothing could be priced. */
  hindrance?: string
  /** How many statements were planned, and how many could not be. */
  planned: number
  refused: number
}

export interface AdviceOptions {
  workload: Workload | undefined
  /** Indexes that the checks ask for already: priced first. */
  wanted: readonly IndexShape[]
  /** The database may be written to, in transactions that are rolled back. */
  mayWrite: boolean
  progress(text: string): void
}

interface Candidate {
  shape: IndexShape
  isWanted: boolean
  /** The cost with it, for each question that it makes cheaper. */
  costs: Map<Question, number>
}

/** The most that is looked at. */
const limits = { statements: 120, candidates: 60, indexes: 8 }
/** An index must take this share off one statement at least. */
const leastShare = 0.3
/** And this many milliseconds off all, since the statistics began. */
const leastSaved = 5
/** What one entry costs a write, in milliseconds. */
const writeCost = { btree: 0.002, gin: 0.02 }
const unbuilt =
  "hypopg knows no trigram indexes: whether they pay for searches is seen with --try on a copy of the database."
/** What is taken for the time of a statement that nobody counted: milliseconds a unit of the planner's cost. */
const perCost = 0.01
/** Cheaper statements are not looked at. */
const leastCost = 500

export async function advise(patient: Patient, options: AdviceOptions): Promise<Advice> {
  const { workload, wanted, mayWrite, progress } = options
  const hypopg = patient.extensions.get("hypopg")
  const nothing = { findings: [], gains: new Map(), planned: 0, refused: 0 }
  if (!patient.role.readsTables) {
    return {
      ...nothing,
      hindrance: `Statements are planned only for who may read the tables: grant pg_read_all_data to ${patient.role.name}.`,
    }
  }
  await ready()
  return patient.rolledBack(async (client) => {
    const facts = await factsOf(client)
    const { questions, refused } = await questionsOf(client, workload, facts, progress)
    const planned = questions.length
    if (hypopg === undefined && !mayWrite) {
      return {
        ...nothing,
        planned,
        refused,
        hindrance:
          "Without a way to try an index none is recommended: create extension hypopg, or run with --try on a copy of the database.",
      }
    }
    const trial = mayWrite ? builtTrial(client) : madeUpTrial(client, quoted(hypopg!))
    const candidates = await price(client, questions, wanted, facts, trial, progress)
    const chosen = choose(questions, candidates, await writesOf(client))
    progress(`proving ${chosen.length} indexes`)
    const proven = await prove(client, chosen, questions, trial, mayWrite)
    progress("searches")
    if (!mayWrite)
      return { ...proven, planned, refused, ...(hasSearches(questions) && { hindrance: unbuilt }) }
    const searches = await searchFindings(client, questions, trial, (sql) => runTwice(client, sql, true))
    return { ...proven, findings: [...proven.findings, ...searches], planned, refused }
  }, mayWrite)
}

// What is asked

const theTables = `
  select c.relname as table, greatest(s.n_live_tup, c.reltuples)::float8 as rows,
    array_agg(a.attname::text) as names, array_agg(format_type(a.atttypid, null)) as types
  from pg_class c
  join pg_stat_user_tables s on s.relid = c.oid
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and c.relkind in ('r', 'p')
  group by c.relname, s.n_live_tup, c.reltuples`

async function factsOf(client: Client): Promise<Map<string, TableFacts>> {
  const { rows } = await client.query<{ table: string; rows: number; names: string[]; types: string[] }>(
    theTables,
  )
  return new Map(
    rows.map(({ table, rows, names, types }) => [
      table,
      { rows, types: new Map(names.map((name, index) => [name, types[index]!])) },
    ]),
  )
}

async function questionsOf(
  client: Client,
  workload: Workload | undefined,
  facts: ReadonlyMap<string, TableFacts>,
  progress: (text: string) => void,
) {
  const counted = (workload?.statements ?? []).filter(({ text }) => onlyReads(text))
  const asked = [
    ...counted.slice(0, limits.statements),
    ...knownStatements.map((text) => ({ text, calls: 0, total: 0 })),
  ]
  const valuesOf = valuesBy(client)
  const questions: Question[] = []
  let refused = 0
  for (const [index, { text, calls, total }] of asked.entries()) {
    progress(`planning statement ${index + 1} of ${asked.length}`)
    const found = await attempt(client, async () => {
      const sql = await withConstants(text, valuesOf)
      return sql === undefined ? undefined : { sql, plan: (await explain(client, sql)).plan }
    })
    if (!found) {
      refused++
      continue
    }
    const { sql, plan } = found
    const cost = plan["Total Cost"]
    const tables = new Set([...nodesOf(plan)].flatMap((node) => node["Relation Name"] ?? []))
    const isLarge = [...tables].some((table) => (facts.get(table)?.rows ?? 0) >= fewRows)
    if (cost < leastCost || !isLarge) continue
    questions.push({
      sql,
      text: withoutConstants(text),
      calls,
      total: calls > 0 ? total : cost * perCost,
      cost,
      plan,
      tables,
    })
  }
  return { questions, refused }
}

/** As far as its text tells: it may be run. */
const onlyReads = (text: string) =>
  /^\s*(select|with)\s/i.test(text) &&
  !/\b(insert\s+into|update\s+\S+\s+set|delete\s+from|for\s+(no\s+key\s+)?(update|share)|nextval|setval|dblink\w*|pg_(terminate|cancel|notify|advisory|try_advisory|reload|read|logical|replication)\w*|lo_\w+|set_config)\b/i.test(
    text,
  )

async function explain(client: Client, sql: string, isRun = false): Promise<Explained> {
  const how = isRun ? "analyze, buffers, verbose, format json" : "verbose, format json"
  return explainedOf((await client.query(`explain (${how}) ${sql}`)).rows)
}

/**
 * What fails is undone, and the transaction goes on. So is what does not fail, unless it shall stay: the locks that planning takes on
 * a statement's tables are given back at once.
 */
async function attempt<T>(client: Client, work: () => Promise<T>, stays = false): Promise<T | undefined> {
  await client.query("savepoint attempt")
  let isUndone = !stays
  try {
    return await work()
  } catch {
    isUndone = true
    return undefined
  } finally {
    if (isUndone) await client.query("rollback to attempt")
    await client.query("release attempt")
  }
}

// What an index costs and saves

/** @param schema of the extension */
function madeUpTrial(client: Client, schema: string): Trial {
  const made = new Map<string, number>()
  const make = async (shape: IndexShape) => {
    const { rows } = await client.query(
      `select indexrelid::int8 as id from ${schema}.hypopg_create_index($1)`,
      [indexSql(shape, false)],
    )
    made.set(shape.name, rows[0].id)
  }
  return {
    make,
    without: async (shape, work) => {
      await client.query(`select ${schema}.hypopg_drop_index($1)`, [made.get(shape.name)])
      const outcome = await work()
      await make(shape)
      return outcome
    },
    clear: async () => void (await client.query(`select ${schema}.hypopg_reset()`)),
  }
}

function builtTrial(client: Client): Trial {
  return {
    make: async (shape) => {
      await client.query("set local statement_timeout = 0")
      await client.query("set local lock_timeout = 5000")
      for (const sql of shape.needs ?? []) await client.query(sql)
      await client.query(indexSql(shape, false))
    },
    without: async ({ name }, work) => {
      await client.query("savepoint without")
      await client.query(`drop index ${quoted(name)}`)
      const outcome = await work()
      await client.query("rollback to without")
      return outcome
    },
    clear: async () => void (await client.query("rollback to trial")),
  }
}

async function price(
  client: Client,
  questions: readonly Question[],
  wanted: readonly IndexShape[],
  facts: ReadonlyMap<string, TableFacts>,
  trial: Trial,
  progress: (text: string) => void,
): Promise<Candidate[]> {
  const shapes = new Map(wanted.map((shape) => [keyOf(shape), { shape, isWanted: true }]))
  for (const { plan } of [...questions].sort((a, b) => b.total - a.total)) {
    for (const shape of candidatesOf(plan, facts)) {
      if (shapes.size >= limits.candidates) break
      if (!shapes.has(keyOf(shape))) shapes.set(keyOf(shape), { shape, isWanted: false })
    }
  }
  const candidates: Candidate[] = []
  for (const { shape, isWanted } of shapes.values()) {
    progress(`pricing index ${candidates.length + 1} of ${shapes.size}`)
    const costs = new Map<Question, number>()
    const concerned = questions.filter(({ tables }) => tables.has(shape.table))
    await client.query("savepoint trial")
    await attempt(client, async () => {
      await trial.make(shape)
      for (const question of concerned) {
        const { plan } = await explain(client, question.sql)
        if (plan["Total Cost"] < question.cost * 0.95) costs.set(question, plan["Total Cost"])
      }
    })
    await trial.clear()
    candidates.push({ shape, isWanted, costs })
  }
  return candidates
}

const keyOf = ({ table, columns, method = "btree", where = "" }: IndexShape) =>
  [table, method, ...columns, where].join(" ")

const theWrites = `
  select relname as table, (n_tup_ins + n_tup_upd - n_tup_hot_upd)::float8 as writes from pg_stat_user_tables
  where schemaname = current_schema()`

async function writesOf(client: Client): Promise<Map<string, number>> {
  const { rows } = await client.query<{ table: string; writes: number }>(theWrites)
  return new Map(rows.map(({ table, writes }) => [table, writes]))
}

/** The one that saves most, then the one that saves most beside it. */
function choose(
  questions: readonly Question[],
  candidates: readonly Candidate[],
  writes: ReadonlyMap<string, number>,
) {
  const current = new Map(questions.map((question) => [question, question.cost]))
  const savedBy = ({ costs }: Candidate) => {
    let saved = 0
    for (const [question, cost] of costs) {
      const share = (current.get(question)! - cost) / question.cost
      if (share > 0) saved += question.total * share
    }
    return saved
  }
  const pays = (candidate: Candidate) => {
    const { shape, costs } = candidate
    const isFelt = [...costs].some(([question, cost]) => cost < current.get(question)! * (1 - leastShare))
    const { method = "btree" } = shape
    // What every store asks and nobody counted cannot be weighed against the writes; a large index must be.
    const isWeighed = method === "gin" || [...costs.keys()].every(({ calls }) => calls > 0)
    const cost = isWeighed ? (writes.get(shape.table) ?? 0) * writeCost[method] : 0
    return isFelt && savedBy(candidate) > Math.max(leastSaved, cost)
  }
  const chosen: Candidate[] = []
  // What a check asks for is made whatever it saves; others must pay beside it.
  for (const candidate of candidates.filter(({ isWanted }) => isWanted)) take(candidate)
  while (chosen.filter(({ isWanted }) => !isWanted).length < limits.indexes) {
    const [best] = candidates
      .filter((candidate) => !chosen.includes(candidate) && pays(candidate))
      .sort((a, b) => savedBy(b) - savedBy(a) || a.shape.columns.length - b.shape.columns.length)
    if (!best) break
    take(best)
  }
  return chosen

  function take(candidate: Candidate) {
    chosen.push(candidate)
    for (const [question, cost] of candidate.costs) {
      current.set(question, Math.min(cost, current.get(question)!))
    }
  }
}

// The proof

/** All that were chosen together; what the plans would not miss is not recommended. */
async function prove(
  client: Client,
  chosen: readonly Candidate[],
  questions: readonly Question[],
  trial: Trial,
  isRun: boolean,
): Promise<Pick<Advice, "findings" | "gains">> {
  const concerned = questions.filter((question) => chosen.some(({ costs }) => costs.has(question)))
  const before = await runAll(client, concerned, isRun)
  await client.query("savepoint trial")
  const made: Candidate[] = []
  for (const candidate of chosen) {
    const isMade = await attempt(client, () => trial.make(candidate.shape).then(() => true), true)
    if (isMade) made.push(candidate)
  }
  const costsNow = () => costsOf(client, concerned)
  const together = await costsNow()
  const missed = new Map<Candidate, ReadonlySet<Question>>()
  for (const candidate of made) {
    const without = await trial.without(candidate.shape, costsNow)
    const isDearer = (question: Question) =>
      (without.get(question) ?? 0) * (1 - leastShare) > (together.get(question) ?? 0)
    missed.set(candidate, new Set(concerned.filter(isDearer)))
  }
  const after = await runAll(client, concerned, isRun)
  await trial.clear()

  const findings: Finding[] = []
  const gains = new Map<string, Gain>()
  for (const candidate of made) {
    const { shape, isWanted } = candidate
    const helped = concerned
      .filter((question) => missed.get(candidate)!.has(question) && after.has(question))
      .map(
        (question): Helped => ({
          question,
          gain: gainOf(question, before.get(question), after.get(question)!),
        }),
      )
      .filter(({ gain }) => gain.after < gain.before * (1 - leastShare))
      .sort((a, b) => (b.gain.saved ?? 0) - (a.gain.saved ?? 0) || b.gain.before - a.gain.before)
    const [best] = helped
    if (!best) continue
    if (isWanted) gains.set(shape.name, best.gain)
    else findings.push(findingOf(shape, best, helped.length))
  }
  return { findings, gains }
}

async function costsOf(client: Client, questions: readonly Question[]): Promise<Map<Question, number>> {
  const costs = new Map<Question, number>()
  for (const question of questions) {
    const explained = await attempt(client, () => explain(client, question.sql))
    if (explained) costs.set(question, explained.plan["Total Cost"])
  }
  return costs
}

async function runAll(client: Client, questions: readonly Question[], isRun: boolean) {
  const found = new Map<Question, Explained>()
  for (const question of questions) {
    const explained = await runTwice(client, question.sql, isRun)
    if (explained) found.set(question, explained)
  }
  return found
}

/** If it is run, the first time brings its pages into memory. */
async function runTwice(client: Client, sql: string, isRun: boolean): Promise<Explained | undefined> {
  await client.query(`set local statement_timeout = ${measureLimit}`)
  const once = () => attempt(client, () => explain(client, sql, isRun))
  return isRun ? (await once()) && once() : once()
}

interface Helped {
  question: Question
  gain: Gain
}

const amount = ({ basis }: Gain, value: number) =>
  basis === "measured" ? `${value.toFixed(1)} ms` : `a cost of ${Math.round(value)}`

function findingOf(shape: IndexShape, { question, gain }: Helped, others: number): Finding {
  const columns = shape.columns.join(", ")
  return {
    check: "index-advisor",
    severity: "warning",
    subject: shape.name,
    what: `An index on ${shape.table} (${columns}) takes a statement from ${amount(gain, gain.before)} to ${amount(gain, gain.after)}.`,
    why: question.calls > 0 ? "The store asks it, and waits." : "Every Medusa store asks it.",
    evidence: { calls: question.calls, "statements helped": others },
    statement: question.text,
    fix: buildIndex(
      shape,
      shape.method === "gin" ? "A trigram index is large and costs each write more than others." : undefined,
    ),
    gain,
  }
}
