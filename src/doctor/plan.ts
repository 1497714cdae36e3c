/** EXPLAIN's tree: read, walked and drawn. */
import { withoutConstants } from "./workload"

/** A node as PostgreSQL writes it with `format json` (EXPLAIN in its manual). */
export interface PlanNode {
  "Node Type": string
  "Total Cost": number
  "Plan Rows": number
  "Relation Name"?: string
  Schema?: string
  Alias?: string
  "Index Name"?: string
  Filter?: string
  "Index Cond"?: string
  "Hash Cond"?: string
  "Merge Cond"?: string
  "Join Filter"?: string
  "Recheck Cond"?: string
  "Sort Key"?: string[]
  "Actual Total Time"?: number
  "Actual Rows"?: number
  "Actual Loops"?: number
  "Rows Removed by Filter"?: number
  "Shared Hit Blocks"?: number
  "Shared Read Blocks"?: number
  Plans?: PlanNode[]
}

export interface Explained {
  plan: PlanNode
  /** Milliseconds, when it was run. */
  time?: number
}

/** What `explain (format json)` answered. */
export function explainedOf(rows: Record<string, unknown>[]): Explained {
  const [{ Plan: plan, "Execution Time": time }] = rows[0]!["QUERY PLAN"] as [
    { Plan: PlanNode; "Execution Time"?: number },
  ]
  return { plan, ...(time !== undefined && { time }) }
}

export function* nodesOf(plan: PlanNode): Generator<PlanNode> {
  yield plan
  for (const inner of plan.Plans ?? []) yield* nodesOf(inner)
}

const conditions = ["Index Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter"] as const
const numbers = [
  "Total Cost",
  "Plan Rows",
  "Actual Total Time",
  "Actual Rows",
  "Actual Loops",
  "Rows Removed by Filter",
  "Shared Hit Blocks",
  "Shared Read Blocks",
] as const

/** What of a plan may be shown: its conditions without their constants, and nothing that is not drawn. */
export function presentable(plan: PlanNode): PlanNode {
  const { "Node Type": type, "Relation Name": relation, Alias, "Index Name": index } = plan
  const shown: Record<string, unknown> = { "Node Type": type }
  if (relation !== undefined) shown["Relation Name"] = relation
  if (Alias !== undefined) shown.Alias = Alias
  if (index !== undefined) shown["Index Name"] = index
  for (const name of numbers) if (plan[name] !== undefined) shown[name] = plan[name]
  for (const name of conditions) if (plan[name] !== undefined) shown[name] = withoutConstants(plan[name])
  if (plan["Sort Key"]) shown["Sort Key"] = plan["Sort Key"].map(withoutConstants)
  if (plan.Plans) shown.Plans = plan.Plans.map(presentable)
  return shown as unknown as PlanNode
}

/** One line a node, and one a condition. */
export function drawPlan(plan: PlanNode): string[] {
  const lines = [
    headOf(plan),
    ...conditions.flatMap((name) => (plan[name] ? [`    ${name}: ${shown(plan[name])}`] : [])),
  ]
  if (plan["Sort Key"]) lines.push(`    Sort Key: ${shown(plan["Sort Key"].join(", "))}`)
  const inner = plan.Plans ?? []
  return [
    ...lines,
    ...inner.flatMap((child, index) => {
      const isLast = index === inner.length - 1
      const [first, ...rest] = drawPlan(child)
      return [`${isLast ? "└─" : "├─"} ${first}`, ...rest.map((line) => `${isLast ? "  " : "│ "} ${line}`)]
    }),
  ]
}

function headOf(node: PlanNode): string {
  const { Alias, "Relation Name": relation, "Index Name": index, "Actual Loops": loops = 1 } = node
  const place = relation ? ` on ${relation}${Alias && Alias !== relation ? ` ${Alias}` : ""}` : ""
  const by = index ? ` by ${index}` : ""
  const isRun = node["Actual Total Time"] !== undefined
  const cost = isRun
    ? `${(node["Actual Total Time"]! * loops).toFixed(1)} ms, ${counted(node["Actual Rows"]! * loops)} rows`
    : `cost ${counted(node["Total Cost"])}, ${counted(node["Plan Rows"])} rows`
  const removed = node["Rows Removed by Filter"]
  const thrown = removed ? `, ${counted(removed * loops)} thrown away` : ""
  const blocks = (node["Shared Hit Blocks"] ?? 0) + (node["Shared Read Blocks"] ?? 0)
  return `${node["Node Type"]}${place}${by} (${cost}${thrown}${blocks ? `, ${counted(blocks)} blocks` : ""})`
}

const longest = 160
const shown = (text: string) => (text.length > longest ? `${text.slice(0, longest)}…` : text)
export const counted = (number: number): string => Math.round(number).toLocaleString("en")
