/**
 * How a query across modules is taken to pieces is kept. Medusa works it out for each query anew, field by field: which module is asked for what, when, and how the answers are
 * joined. For a query of the same fields that is the same again, but for what it is asked with.
 *
 * The seam: `compileQuery` (query/dist/joiner/compile.js:36, 2.21.2), which others call by its module. What a query is asked with is taken out of it by Medusa itself, from one
 * without relations. It is so for filters of the query's own columns and no order: other filters make Medusa take relations along, or leave them out. A plan is
 * kept once Medusa has made the same twice, the first of which was carried out in between: so carrying it out changes nothing in it.
 */
import { isDeepStrictEqual } from "node:util"
import { LRUCache } from "lru-cache"
import { moduleOf } from "./query-package"
import { isPlain } from "./resolved-values"

interface Argument {
  name: string
  value?: unknown
}

interface Query {
  service?: string
  alias?: string
  fields?: readonly string[]
  args?: readonly Argument[]
  expands?: readonly { property: string; args?: readonly Argument[] }[]
}

interface Compiling {
  query: Query
  initialData: readonly unknown[]
}

interface Plan {
  root: object & { args?: unknown }
  /** What is asked of which module, by where it belongs; the first is the root. */
  expands: Map<string, object>
  shortcuts: unknown
}

type Compile = (compiling: Compiling, catalog: object) => Plan

interface Known {
  /** Without what it was asked with. */
  plan: Plan
  /** Whether Medusa has made the same twice. */
  isTrusted: boolean
}

/** Queries of different fields. */
const mostPlans = 500
/** The name of the query itself in its plan. */
const rootPath = "_root"

/** @returns false when it is not as expected, and nothing was changed */
export function keepPlans(): boolean {
  const module = moduleOf<{ compileQuery?: Compile }>("query", "joiner/compile.js")
  const compile = module?.compileQuery
  if (!module || typeof compile !== "function") return false
  const catalogs = new WeakMap<object, LRUCache<string, Known>>()
  module.compileQuery = (compiling, catalog) => {
    if (!compiling.query.expands?.length || !isOfOwnColumns(compiling)) return compile(compiling, catalog)
    const { query } = compiling
    const plans = catalogs.get(catalog) ?? new LRUCache<string, Known>({ max: mostPlans })
    catalogs.set(catalog, plans)
    const key = JSON.stringify([query.service, query.alias, query.fields, query.expands])
    const known = plans.get(key)
    if (known?.isTrusted) return askedWith(known.plan, compile, compiling, catalog)
    const made = compile(compiling, catalog)
    const plan = withoutArguments(made)
    plans.set(key, { plan, isTrusted: isDeepStrictEqual(plan, known?.plan) })
    return made
  }
  return true
}

function isOfOwnColumns({ query, initialData }: Compiling): boolean {
  const { args = [], expands = [] } = query
  return (
    initialData.length === 0 &&
    args.every(({ name, value }) => name !== "order" && (name !== "filters" || isOfValues(value))) &&
    expands.every((expand) => (expand.args?.length ?? 0) === 0)
  )
}

const isOfValues = (filters: unknown) => isPlain(filters) && !Object.values(filters).some(isPlain)

function withoutArguments({ root, expands, shortcuts }: Plan): Plan {
  const { args: _, ...rest } = root
  return { root: rest, expands: new Map(expands).set(rootPath, rest), shortcuts }
}

function askedWith(
  { root, expands, shortcuts }: Plan,
  compile: Compile,
  compiling: Compiling,
  catalog: object,
): Plan {
  const alone = compile({ ...compiling, query: { ...compiling.query, expands: [] } }, catalog)
  const whole = { ...root, args: alone.root.args }
  return { ...alone, root: whole, expands: new Map(expands).set(rootPath, whole), shortcuts }
}
