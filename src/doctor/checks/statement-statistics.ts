import type { Check } from "../check"

const sql = `
  select (select setting from pg_settings where name = 'shared_preload_libraries') as libraries,
    exists (select from pg_available_extensions where name = 'pg_stat_statements') as "isThere"`

export const statementStatistics: Check = {
  name: "statement-statistics",
  title: "whether the server counts its statements",
  async examine({ ask, extensions, version }) {
    const [{ libraries, isThere } = { libraries: null, isThere: false }] = await ask<{
      libraries: string | null
      isThere: boolean
    }>(sql)
    // Who may not read the setting sees whether the extension is there.
    const isLoaded =
      libraries === null || libraries === ""
        ? extensions.has("pg_stat_statements")
        : libraries.includes("pg_stat_statements")
    if (isLoaded && extensions.has("pg_stat_statements")) return []
    const known = libraries
      ?.split(",")
      .map((name) => name.trim())
      .filter(Boolean)
    const listed = (names: string[]) => names.map((name) => `'${name.replaceAll("'", "''")}'`).join(", ")
    // What is loaded already must stay: a role that does not see it is given no statement.
    const load = known
      ? [`alter system set shared_preload_libraries = ${listed([...known, "pg_stat_statements"])}`]
      : []
    const unload = known?.length
      ? [`alter system set shared_preload_libraries = ${listed(known)}`]
      : ["alter system reset shared_preload_libraries"]
    return [
      {
        check: this.name,
        severity: "warning",
        subject: "pg_stat_statements",
        what: isLoaded
          ? "The server counts its statements, but this database has not the extension that shows them."
          : "The server does not count its statements.",
        why: "Without the counts nobody knows which of a store's statements take the time; the doctor can only look at those that every Medusa store asks.",
        evidence: { server: version, "in the server's packages": isThere ? "yes" : "no" },
        fix: {
          sql: [...(isLoaded ? [] : load), "create extension if not exists pg_stat_statements"],
          undo: ["drop extension if exists pg_stat_statements", ...(isLoaded || !known ? [] : unload)],
          locks: isLoaded ? "None." : "None, but the server must be restarted between the two.",
          remark: known
            ? "A hosted database has it as a switch among its parameters."
            : "Add pg_stat_statements to shared_preload_libraries, beside what stands there; a hosted database has it as a switch among its parameters.",
          isMigration: false,
        },
      },
    ]
  },
}
