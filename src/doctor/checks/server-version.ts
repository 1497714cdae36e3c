import type { Check } from "../check"

const sql = `select current_setting('server_version_num')::int / 10000 as major, now() as now`

/** The last release of each (postgresql.org/support/versioning). */
const ends: Record<number, string> = {
  13: "2025-11-13",
  14: "2026-11-12",
  15: "2027-11-11",
  16: "2028-11-09",
  17: "2029-11-08",
  18: "2030-11-14",
}

export const serverVersion: Check = {
  name: "server-version",
  title: "the server's version",
  async examine({ ask, version }) {
    const [{ major, now }] = (await ask<{ major: number; now: Date }>(sql)) as [{ major: number; now: Date }]
    const end = ends[major]
    if (!end || now < new Date(end)) return []
    return [
      {
        check: this.name,
        severity: "warning",
        subject: `PostgreSQL ${major}`,
        what: `PostgreSQL ${version} had its last release on ${end}.`,
        why: "Faults found since, and holes, stay open; each version since plans and vacuums better.",
        evidence: { version },
      },
    ]
  },
}
