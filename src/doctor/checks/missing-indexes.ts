/**
 * The indexes that statements of every Medusa store need. Medusa 2.21.2 makes all of them (read from a database of its
 * migrations); an import, a restore or a hand may have lost one.
 */
import type { Check, Finding } from "../check"
import { buildIndex, type IndexShape, quoted } from "../fixes"

interface Needed extends Omit<IndexShape, "columns"> {
  columns: readonly string[]
  why: string
}

const notDeleted = "deleted_at is null"
const needed: readonly Needed[] = [
  {
    name: "IDX_product_handle_unique",
    table: "product",
    columns: ["handle"],
    isUnique: true,
    where: notDeleted,
    why: "Every product page looks its product up by the handle, and nothing else keeps two products from having the same.",
  },
  {
    name: "IDX_customer_email_has_account_unique",
    table: "customer",
    columns: ["email", "has_account"],
    isUnique: true,
    where: notDeleted,
    why: "Signing in and every guest's order look the customer up by the address, and nothing else keeps two accounts from having the same.",
  },
  {
    name: "IDX_product_variant_sku_unique",
    table: "product_variant",
    columns: ["sku"],
    isUnique: true,
    where: notDeleted,
    why: "Imports look variants up by it, and nothing else keeps two from having the same.",
  },
  {
    name: "IDX_cart_line_item_cart_id",
    table: "cart_line_item",
    columns: ["cart_id"],
    where: notDeleted,
    why: "Every read of a cart asks for its lines, several times a request.",
  },
  {
    name: "IDX_product_variant_product_id",
    table: "product_variant",
    columns: ["product_id"],
    where: notDeleted,
    why: "Every product list and page asks for the variants of its products.",
  },
  {
    name: "IDX_image_product_id",
    table: "image",
    columns: ["product_id"],
    where: notDeleted,
    why: "Every product list and page asks for the images of its products.",
  },
  {
    name: "IDX_price_price_set_id",
    table: "price",
    columns: ["price_set_id"],
    where: notDeleted,
    why: "Every price that is calculated is looked up by it.",
  },
  {
    name: "IDX_order_item_order_id",
    table: "order_item",
    columns: ["order_id"],
    where: notDeleted,
    why: "Every order that is shown asks for its lines; so does each page of the list in the admin.",
  },
  {
    name: "IDX_order_customer_id",
    table: "order",
    columns: ["customer_id"],
    where: notDeleted,
    why: "The list of a customer's orders is found by it.",
  },
]

const present = `
  select exists (
    select from pg_index i join pg_class r on r.oid = i.indrelid
    where r.relname = $1 and r.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and i.indisvalid
      and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~* '^\\(*deleted_at IS NULL\\)*$')
      and (not $3 or i.indisunique)
      and (select array_agg(a.attname::text order by k.n) from unnest(i.indkey::int2[]) with ordinality as k (attnum, n)
        join pg_attribute a on a.attrelid = r.oid and a.attnum = k.attnum)[1:cardinality($2::text[])] = $2
  ) as found,
  (select count(*) from pg_attribute
    where attrelid = to_regclass(quote_ident($1)) and attname = any ($2) and not attisdropped)::int as columns,
  (select greatest(n_live_tup, 0) from pg_stat_user_tables
    where relname = $1 and schemaname = current_schema())::float8 as rows`

export const missingIndexes: Check = {
  name: "missing-indexes",
  title: "indexes that every Medusa store needs",
  async examine({ ask, role }) {
    const findings: Finding[] = []
    for (const index of needed) {
      const { table, columns, isUnique = false, why } = index
      const [{ found, columns: known, rows } = { found: true, columns: 0, rows: 0 }] = await ask<{
        found: boolean
        columns: number
        rows: number
      }>(present, [table, columns, isUnique])
      if (found || known < columns.length) continue
      const twice = isUnique && role.readsTables ? await duplicatesOf(ask, index) : undefined
      findings.push({
        check: this.name,
        severity: isUnique ? "critical" : "warning",
        subject: index.name,
        what: `${table} has no ${isUnique ? "unique " : ""}index on ${columns.join(", ")}; Medusa's own is gone.`,
        why,
        evidence: { rows, ...(twice !== undefined && { "values that are there more than once": twice }) },
        fix: buildIndex(
          index,
          twice
            ? `First make them unique: ${twice} values are there more than once, and the index cannot be built over them.`
            : undefined,
        ),
      })
    }
    return findings
  },
}

async function duplicatesOf(ask: Parameters<Check["examine"]>[0]["ask"], { table, columns, where }: Needed) {
  const list = columns.map(quoted).join(", ")
  const filled = columns.map((column) => `${quoted(column)} is not null`).join(" and ")
  const [row] = await ask<{ count: number }>(
    `select count(*)::int as count from (select from ${quoted(table)} where ${where} and ${filled} group by ${list} having count(*) > 1) as twice`,
  )
  return row?.count ?? 0
}
