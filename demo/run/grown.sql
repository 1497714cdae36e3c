-- A store that has grown, made from one that was just filled: :orders past orders with five lines each, half as many
-- products, and the faults that a doctor should find. Each product is a copy of a seeded one.

-- Fault: the statistics of products are from when there were few.
analyze product;
alter table product set (autovacuum_enabled = false);

-- Foreign keys hold by construction; checking them would take longer than the rest.
set session_replication_role = replica;

begin;

create temp table seeded as select *, row_number() over (order by id) - 1 as nth from product where deleted_at is null;

create temp table copies as
select seeded.*, seeded.id || '_' || n as copy, n
from generate_series(1, greatest(:orders / 2 / (select count(*) from seeded), 1)) as n, seeded;

insert into product (id, title, handle, subtitle, description, is_giftcard, status, thumbnail, collection_id, type_id, discountable, created_at, updated_at)
select copy, title || ' No. ' || n, handle || '-' || n, subtitle, description, false, status, thumbnail, collection_id, type_id, true, now() - random() * interval '2 years', now()
from copies;

insert into product_variant (id, title, sku, allow_backorder, manage_inventory, variant_rank, product_id)
select v.id || '_' || n, v.title, v.sku || '-' || n, true, false, v.variant_rank, copy
from copies join product_variant v on v.product_id = copies.id and v.variant_rank < 3;

insert into image (id, url, rank, product_id)
select i.id || '_' || n, i.url, i.rank, copy
from copies join image i on i.product_id = copies.id and i.rank < 2;

insert into product_sales_channel (product_id, sales_channel_id, id)
select copy, l.sales_channel_id, l.id || '_' || n
from copies join product_sales_channel l on l.product_id = copies.id;

insert into price_set (id)
select 'pset_' || v.id from product_variant v join copies on v.product_id = copy;

insert into product_variant_price_set (variant_id, price_set_id, id)
select v.id, 'pset_' || v.id, 'pvps_' || v.id from product_variant v join copies on v.product_id = copy;

insert into price (id, price_set_id, currency_code, amount, raw_amount, rules_count)
select 'price_' || v.id, 'pset_' || v.id, 'eur', 10 + n % 90, jsonb_build_object('value', (10 + n % 90)::text, 'precision', 20), 0
from product_variant v join copies on v.product_id = copy;

insert into customer (id, first_name, last_name, email, has_account, created_at)
select 'cus_grown_' || n, 'Ada' || n % 500, 'Lovelace' || n % 700, 'ada.' || n || '@example.com', n % 3 = 0, now() - random() * interval '2 years'
from generate_series(1, :orders / 4) as n;

create temp table places as
select (select id from region order by created_at limit 1) as region_id, (select id from sales_channel order by created_at limit 1) as sales_channel_id;

insert into order_address (id, first_name, last_name, address_1, city, country_code, postal_code)
select 'ordaddr_grown_' || n, 'Ada' || n % 500, 'Lovelace' || n % 700, n % 200 || ' Analytical Street', (array['Berlin', 'Hamburg', 'Paris', 'Lyon'])[1 + n % 4], 'de', (10000 + n % 80000)::text
from generate_series(1, :orders) as n;

insert into "order" (id, region_id, sales_channel_id, customer_id, status, email, currency_code, shipping_address_id, billing_address_id, created_at, updated_at)
select 'order_grown_' || n, region_id, sales_channel_id, 'cus_grown_' || 1 + n % (:orders / 4),
  (array['pending', 'pending', 'pending', 'completed', 'completed', 'completed', 'completed', 'completed', 'archived', 'canceled'])[1 + n % 10]::order_status_enum,
  'ada.' || 1 + n % (:orders / 4) || '@example.com', 'eur', 'ordaddr_grown_' || n, 'ordaddr_grown_' || n, at, at
from places, generate_series(1, :orders) as n, lateral (select now() - n * interval '730 days' / :orders as at) as moment;

insert into order_summary (id, order_id, version, totals)
select 'ordsum_grown_' || n, 'order_grown_' || n, 1, (select jsonb_object_agg(key, 100) from unnest(array['paid_total', 'refunded_total', 'accounting_total', 'transaction_total', 'pending_difference', 'current_order_total', 'original_order_total']) as key)
from generate_series(1, :orders) as n;

insert into order_line_item (id, title, subtitle, thumbnail, variant_id, product_id, product_title, product_handle, variant_title, unit_price, raw_unit_price)
select 'ordli_grown_' || n || '_' || line, v.title, p.title, p.thumbnail, v.id, p.id, p.title, p.handle, v.title, 20, '{"value": "20", "precision": 20}'
from generate_series(1, :orders) as n, generate_series(1, 5) as line
join seeded p on p.nth = line
join lateral (select id, title from product_variant where product_id = p.id order by variant_rank limit 1) v on true;

insert into order_item (id, order_id, version, item_id, quantity, raw_quantity, fulfilled_quantity, raw_fulfilled_quantity, shipped_quantity, raw_shipped_quantity, return_requested_quantity, raw_return_requested_quantity, return_received_quantity, raw_return_received_quantity, return_dismissed_quantity, raw_return_dismissed_quantity, written_off_quantity, raw_written_off_quantity)
select 'orditem_grown_' || n || '_' || line, 'order_grown_' || n, 1, 'ordli_grown_' || n || '_' || line, 1, '{"value": "1", "precision": 20}', 0, none, 0, none, 0, none, 0, none, 0, none, 0, none
from generate_series(1, :orders) as n, generate_series(1, 5) as line, (select '{"value": "0", "precision": 20}'::jsonb as none) as zero;

insert into order_line_item_tax_line (id, item_id, code, rate, raw_rate)
select 'ordlitxl_grown_' || n || '_' || line, 'ordli_grown_' || n || '_' || line, 'vat', 19, '{"value": "19", "precision": 20}'
from generate_series(1, :orders) as n, generate_series(1, 5) as line;

-- Most carts are left behind.
insert into cart (id, region_id, sales_channel_id, currency_code, created_at, updated_at)
select 'cart_grown_' || n, region_id, sales_channel_id, 'eur', at, at
from places, generate_series(1, :orders) as n, lateral (select now() - n * interval '730 days' / :orders as at) as moment;

insert into cart_line_item (id, cart_id, title, quantity, variant_id, product_id, unit_price, raw_unit_price)
select 'cali_grown_' || n, 'cart_grown_' || n, v.title, 1, v.id, v.product_id, 20, '{"value": "20", "precision": 20}'
from generate_series(1, :orders) as n, (select id, title, product_id from product_variant order by id limit 1) as v;

commit;

analyze product_variant, image, product_sales_channel, price_set, product_variant_price_set, price, customer, order_address, "order", order_summary, order_line_item, order_item, order_line_item_tax_line, cart, cart_line_item;

-- Fault: what is deleted softly is never cleared away.
update product_variant set deleted_at = now() where variant_rank = 2 and id like '%\_%\_%';

-- Fault: workflow executions whose retention ended long ago, and those that never had one, each with its large text.
alter table workflow_execution set (autovacuum_enabled = false);
insert into workflow_execution (id, workflow_id, transaction_id, run_id, state, execution, context, retention_time, created_at, updated_at)
select 'wf_exec_grown_' || n, 'complete-cart', 'cart_grown_' || n, 'run_' || n, 'done',
  jsonb_build_object('steps', (select string_agg(md5((n * i)::text), '') from generate_series(1, 60) as i)), '{}', 259200,
  now() - interval '200 days', now() - interval '200 days'
from generate_series(1, :orders / 2) as n;
analyze workflow_execution;
update workflow_execution set updated_at = updated_at - interval '1 day' where id like 'wf_exec_grown_%';
delete from workflow_execution where id like 'wf_exec_grown_%5';

-- Fault: the indexes of the field's tuning guides are missing.
drop index if exists "IDX_product_handle_unique", "IDX_cart_line_item_cart_id", "IDX_customer_email_has_account_unique";
drop index if exists "IDX_product_variant_product_id", "IDX_order_item_order_id", "IDX_order_item_order_id_version", "IDX_order_line_item_tax_line_item_id";

-- Fault: one index twice, and one that nothing reads.
create index "IDX_order_customer_id_again" on "order" (customer_id) where deleted_at is null;
create index order_line_item_subtitle on order_line_item (subtitle);

set session_replication_role = default;
