/** The four weeks in which a store becomes fast, as a list with what is done of it. */
import { type Diagnosis, unpricedIndexes } from "./doctor"
import type { LiveStore } from "./live"
import type { StoreSettings } from "./settings"

export interface Step {
  week: 1 | 2 | 3 | 4
  what: string
  /** `unknown`: what would tell was not given. */
  state: "done" | "open" | "unknown"
  /** What to do, or to give. */
  next: string
}

export interface RoadmapFacts {
  diagnosis: Diagnosis
  settings: StoreSettings | undefined
  live: LiveStore | undefined
}

const leastHits = 0.8
const giveUrl = "give --url and the publishable key as --header"

export function roadmapOf({ diagnosis, settings, live }: RoadmapFacts): Step[] {
  const { findings, server, hidden } = diagnosis
  const has = (...checks: string[]) => findings.some(({ check }) => checks.includes(check))
  const isSeen = (...checks: string[]) =>
    server !== undefined && !hidden.some(({ check }) => check !== undefined && checks.includes(check))
  const ofIndexes = ["missing-indexes", "foreign-keys", "invalid-indexes", "index-advisor", "search"]
  const isOneMissing = has(...ofIndexes)
  const unpriced = hidden.find(({ what }) => what === unpricedIndexes)?.remedy
  const known = <T>(fact: T | undefined, isDone: (fact: T) => boolean) =>
    fact === undefined ? "unknown" : isDone(fact) ? "done" : "open"
  return [
    {
      week: 1,
      what: "Answers are cached",
      state: known(settings, ({ modules }) => modules.caching !== undefined),
      next: settings
        ? "withPegasus(defineConfig({ … })) in medusa-config"
        : "run it in the store's folder, or give --store",
    },
    {
      week: 1,
      what: "More than 80 % of catalogue requests are hits",
      state: known(live, ({ hitRatio }) => hitRatio > leastHits),
      next: live
        ? `${Math.round(live.hitRatio * 100)} % of ${live.asked} kinds of request are now; pegasus explain URL says why one is not`
        : giveUrl,
    },
    {
      week: 2,
      what: "The server counts its statements",
      state: isSeen("statement-statistics") ? (has("statement-statistics") ? "open" : "done") : "unknown",
      next: server ? "see the finding statement-statistics" : "give --database-url",
    },
    {
      week: 2,
      what: "No statement takes more than 100 ms on average",
      state: known(diagnosis.workload, () => !has("slow-statements")),
      next: diagnosis.workload
        ? "see the findings slow-statements"
        : "the statements must be counted, and seen",
    },
    {
      week: 2,
      what: "No index is missing",
      state: isOneMissing ? "open" : isSeen(...ofIndexes) && unpriced === undefined ? "done" : "unknown",
      next: isOneMissing
        ? "--write-migrations src/migration-scripts, then medusa db:migrate"
        : (unpriced ?? "give --database-url"),
    },
    {
      week: 3,
      what: "Answers tell a CDN how long it may keep them",
      state: known(live, ({ isForCdn }) => isForCdn),
      next: live ? "http.routes with cdn and http.surrogateKeys in withPegasus" : giveUrl,
    },
    {
      week: 3,
      what: "A CDN answers",
      state: known(live, ({ isByCdn }) => isByCdn),
      next: live ? "give the shop's public address as --url, and cache rules to the CDN" : giveUrl,
    },
    {
      week: 4,
      what: "Somebody watches the database",
      state: known(server?.isWatched, (isWatched) => isWatched),
      next: server
        ? "pganalyze, Datadog, a Prometheus exporter, or pegasus doctor --fail-on warning every night"
        : "give --database-url",
    },
  ]
}

const signs = { done: "[x]", open: "[ ]", unknown: "[?]" }

export function renderRoadmap(steps: readonly Step[]): string {
  const weeks = [1, 2, 3, 4].map((week) => [
    `Week ${week}`,
    ...steps
      .filter((step) => step.week === week)
      .map(
        ({ what, state, next }) => `  ${signs[state]} ${what}${state === "done" ? "" : `\n      ${next}`}`,
      ),
  ])
  const done = steps.filter(({ state }) => state === "done").length
  return [...weeks.map((lines) => lines.join("\n")), `${done} of ${steps.length} done.`].join("\n\n")
}
