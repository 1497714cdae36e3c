/**
 * What every Medusa store asks (2.21.2, as its queries arrive at the server): looked at also where nobody counts
 * statements, and for what the counts have not seen yet.
 */
export const knownStatements: readonly string[] = [
  // The orders of the admin, newest first, and how many there are.
  `select "o0"."id", "o0"."status", "o0"."created_at" from "order" as "o0" where "o0"."deleted_at" is null and "o0"."is_draft_order" = $1 order by "o0"."created_at" desc limit $2`,
  `select count(*) as "count" from "order" as "o0" where "o0"."deleted_at" is null and "o0"."is_draft_order" = $1`,
  // The same, of one status.
  `select "o0"."id" from "order" as "o0" where "o0"."deleted_at" is null and "o0"."status" = $1 order by "o0"."created_at" desc limit $2`,
  // The lines of the orders of a page.
  `select "o0".* from "order_item" as "o0" where "o0"."deleted_at" is null and "o0"."order_id" in ($1 /*, ... */) and "o0"."version" = (select "_sub0"."version" from "order" as "_sub0" where "_sub0"."id" = "o0"."order_id")`,
  // A customer's orders.
  `select "o0".* from "order" as "o0" where "o0"."deleted_at" is null and "o0"."customer_id" = $1 order by "o0"."created_at" desc limit $2`,
  // A product page.
  `select "p0".* from "product" as "p0" where "p0"."deleted_at" is null and "p0"."handle" = $1 limit $2`,
  `select "p0".* from "product_variant" as "p0" where "p0"."deleted_at" is null and "p0"."product_id" in ($1 /*, ... */)`,
  `select "p0".* from "image" as "p0" where "p0"."deleted_at" is null and "p0"."product_id" in ($1 /*, ... */) order by "p0"."rank" asc`,
  `select "p0".* from "price" as "p0" where "p0"."deleted_at" is null and "p0"."price_set_id" in ($1 /*, ... */)`,
  // The products of the admin, newest first.
  `select "p0"."id" from "product" as "p0" where "p0"."deleted_at" is null order by "p0"."created_at" desc limit $1`,
  // A product search.
  `select count(distinct("p0"."id")) as "count" from "product" as "p0" left join "product_variant" as "p3" on "p0"."id" = "p3"."product_id" and "p3"."deleted_at" is null where ("p0"."title" ilike $1 or "p0"."subtitle" ilike $2 or "p0"."description" ilike $3 or (("p3"."title" ilike $4 or "p3"."sku" ilike $5 or "p3"."barcode" ilike $6 or "p3"."ean" ilike $7 or "p3"."upc" ilike $8))) and "p0"."deleted_at" is null`,
  // A cart.
  `select "c0".* from "cart_line_item" as "c0" where "c0"."deleted_at" is null and "c0"."cart_id" in ($1)`,
  // Signing in, and a guest's order.
  `select "c0".* from "customer" as "c0" where "c0"."deleted_at" is null and "c0"."email" = $1 and "c0"."has_account" = $2 limit $3`,
  // A customer search of the admin.
  `select count(*) as "count" from "customer" as "c0" where ("c0"."company_name" ilike $1 or "c0"."first_name" ilike $2 or "c0"."last_name" ilike $3 or "c0"."email" ilike $4 or "c0"."phone" ilike $5) and "c0"."deleted_at" is null`,
]
