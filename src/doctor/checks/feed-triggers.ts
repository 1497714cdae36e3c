import type { Check } from "../check"

/** Where Pegasus is not installed there is nothing to look at. */
const sql = `
  select t.tgrelid::regclass::text as table, count(*) filter (where t.tgenabled = 'D')::int as off
  from pg_trigger t join pg_class c on c.oid = t.tgrelid and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
  where t.tgname like 'pegasus\\_%' group by 1
  having count(*) filter (where t.tgenabled = 'D') > 0 or count(*) <> 4
  order by 1`

export const feedTriggers: Check = {
  name: "feed-triggers",
  title: "the triggers by which Pegasus hears of changes",
  async examine({ ask }) {
    const found = await ask<{ table: string; off: number }>(sql)
    return found.map(({ table, off }) => ({
      check: this.name,
      severity: "critical" as const,
      subject: table,
      what:
        off > 0
          ? `Triggers of Pegasus on ${table} are switched off.`
          : `${table} has some of the triggers of Pegasus, not all.`,
      why: "What is written there by others is not heard. Running stores keep nothing that reads a table that does not tell, once they have looked again: at their next start.",
      evidence: { "switched off": off },
      fix: {
        sql: [],
        undo: [],
        locks: "SHARE ROW EXCLUSIVE on the table for a moment.",
        remark: "pegasus feed install",
        isMigration: false,
      },
    }))
  },
}
