import type { Check, Finding } from "../check"
import { changeSetting } from "../fixes"

const sql = `
  select d.blks_hit::float8 as hit, d.blks_read::float8 as read, d.temp_files::float8 as "tempFiles",
    d.temp_bytes::float8 as "tempBytes", pg_database_size(current_database())::float8 as size,
    pg_size_bytes(current_setting('shared_buffers'))::float8 as buffers, current_setting('shared_buffers') as "sharedBuffers",
    current_setting('work_mem') as "workMem", pg_size_bytes(current_setting('work_mem'))::float8 as work, current_setting('random_page_cost')::float8 as "randomPageCost",
    current_setting('max_connections')::int as connections
  from pg_stat_database d where d.datname = current_database()`

const megabyte = 1_048_576
const doubled = (bytes: number) => `${Math.max(1, Math.round((2 * bytes) / megabyte))}MB`

export const memory: Check = {
  name: "memory",
  title: "the server's memory and what it expects of its disk",
  async examine({ ask }) {
    const [seen] = await ask<{
      hit: number
      read: number
      tempFiles: number
      tempBytes: number
      size: number
      buffers: number
      sharedBuffers: string
      workMem: string
      work: number
      randomPageCost: number
      connections: number
    }>(sql)
    const { hit, read, tempFiles, tempBytes, size, buffers, sharedBuffers, workMem, work, randomPageCost } =
      seen!
    const findings: Finding[] = []
    const ratio = hit / Math.max(1, hit + read)
    const isSmall = size > 4 * buffers
    if (read > 200_000 && ratio < 0.99 && isSmall) {
      findings.push({
        check: this.name,
        severity: ratio < 0.9 ? "warning" : "note",
        subject: "shared_buffers",
        what: `${(100 * ratio).toFixed(1)} % of what statements read was in the server's memory, which is ${sharedBuffers} for a database of ${Math.round(size / megabyte)} MB.`,
        why: "A catalogue belongs in memory: the rest comes from the disk, or from the system's own cache at best.",
        evidence: {
          "blocks in memory": hit,
          "blocks read": read,
          "database, MB": Math.round(size / megabyte),
        },
        fix: changeSetting(
          "shared_buffers",
          doubled(buffers),
          "Twice as much as now, at most a quarter of the machine's memory.",
          true,
        ),
      })
    }
    if (tempBytes > 256 * megabyte && tempFiles > 100) {
      findings.push({
        check: this.name,
        severity: "note",
        subject: "work_mem",
        what: `${Math.round(tempFiles)} sorts and joins did not fit in work_mem (${workMem}) and wrote ${Math.round(tempBytes / megabyte)} MB to files.`,
        why: "The lists of the admin sort and group many rows; on disk that takes several times as long.",
        evidence: { "temporary files": tempFiles, "MB in them": Math.round(tempBytes / megabyte) },
        fix: changeSetting(
          "work_mem",
          doubled(work),
          "Each sort of each connection may take so much: times the connections it must fit in memory.",
        ),
      })
    }
    if (randomPageCost >= 4 && size > buffers && size > 512 * megabyte) {
      findings.push({
        check: this.name,
        severity: "note",
        subject: "random_page_cost",
        what: `The planner takes a page at random for ${randomPageCost} times as dear as one in a row: a disk that turns.`,
        why: "On an SSD it is about the same; with 4 the planner reads whole tables where an index would do.",
        evidence: { random_page_cost: randomPageCost },
        fix: changeSetting(
          "random_page_cost",
          "1.1",
          "Only if the database is on an SSD, as every hosted one is.",
        ),
      })
    }
    return findings
  },
}
