import {
  install,
  installSql,
  listTables,
  remove,
  removeSql,
  tablesWithTriggers,
  wantedTables,
  withClient,
} from "../feed"
import { type FeedArguments, UsageError } from "./arguments"

export interface FeedCall {
  arguments: FeedArguments
  /** Of the environment. */
  databaseUrl: string | undefined
  print(text: string): void
}

/**
 * @returns whether every table that could tell its changes does
 * @throws UsageError without a database; what the database throws
 */
export async function feed({ arguments: given, databaseUrl, print }: FeedCall): Promise<boolean> {
  const connectionString = given.databaseUrl ?? databaseUrl
  if (connectionString === undefined) {
    throw new UsageError("feed needs --database-url, or DATABASE_URL in the environment.")
  }
  const { task, schema, dryRun } = given
  return withClient({ connectionString }, schema, async (client) => {
    switch (task) {
      case "status": {
        const tables = await wantedTables(client)
        const named = (isInstalled: boolean) =>
          tables.filter((one) => one.isInstalled === isInstalled).map(({ table }) => table)
        const missing = named(false)
        const wanted = new Set(tables.map(({ table }) => table))
        const never = (await listTables(client)).filter((table) => !wanted.has(table))
        print(paragraph("tell their changes", named(true)))
        print(paragraph("do not tell their changes yet (pegasus feed install)", missing))
        print(
          paragraph(
            "are written at every sale, or private, and never tell: what reads them is not cached",
            never,
          ),
        )
        return missing.length === 0
      }
      case "install": {
        const sql = installSql(await wantedTables(client))
        print(sql === "" ? "Every table tells its changes already." : sql)
        if (sql !== "" && !dryRun) print(`\n${await install(client)} tables tell their changes now.`)
        return true
      }
      case "remove": {
        print(removeSql(await tablesWithTriggers(client)))
        if (!dryRun) print(`\n${await remove(client)} tables tell their changes no more.`)
        return true
      }
    }
  })
}

const paragraph = (what: string, tables: string[]) =>
  `${tables.length} ${what}${tables.length === 0 ? "." : `:\n  ${tables.join(", ")}`}\n`
