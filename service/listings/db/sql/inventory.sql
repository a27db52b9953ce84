-- name: record
-- Writes ledger lines in the order given, inside the transaction that changed the stock. Their time is taken
-- here, where the items are locked, not at the start of the transaction: later lines of an item are later.
INSERT INTO inventory_movements
    (listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after, reason, notes, user_id,
     created_at)
SELECT listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after, reason, notes, user_id,
       clock_timestamp()
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[],
            $8::text[], $9::text[], $10::bigint[]) WITH ORDINALITY
    AS line (listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after,
             reason, notes, user_id, position)
ORDER BY position
RETURNING id;

-- name: history
-- Lines of the ledger, newest first. Conditions are joined from fixed fragments by the repository.
SELECT m.id, m.listing_id AS product_id, m.variant_id, m.movement_type, m.quantity, m.delta,
       m.stock_before, m.stock_after, m.reason, m.notes, m.user_id, m.order_id, m.idempotency_key,
       m.created_at, m.metadata
FROM inventory_movements m
WHERE /* conditions */
ORDER BY m.created_at DESC, m.id DESC
LIMIT /* most */;

-- name: stats
-- Figures over the undeleted products of a storefront; one row, zeros where there are none.
SELECT count(*)::int AS total_products,
       (count(*) FILTER (WHERE status = 'active'))::int AS active_products,
       (count(*) FILTER (WHERE quantity = 0))::int AS out_of_stock,
       (count(*) FILTER (WHERE quantity BETWEEN 1 AND $2::int))::int AS low_stock,
       coalesce(sum(price * quantity), 0)::double precision AS total_value,
       least(coalesce(sum(sold_count), 0), 2147483647)::int AS total_sold
FROM listings
WHERE storefront_id = $1 AND source_type = 'b2c' AND NOT is_deleted AND deleted_at IS NULL;

-- name: drift
-- Products and variants whose stock is not the sum of their deltas, in the order in which rows are locked.
-- One statement, so one snapshot: orders under way are in both numbers or in neither. Reads the whole ledger.
SELECT item.product_id, item.variant_id, item.on_hand, coalesce(ledger.total, 0) AS ledger_sum
FROM (
    SELECT id AS product_id, NULL::bigint AS variant_id, quantity AS on_hand
    FROM listings WHERE source_type = 'b2c'
    UNION ALL
    SELECT v.product_id, v.id, v.stock_quantity
    FROM product_variants v JOIN listings l ON l.id = v.product_id AND l.source_type = 'b2c'
) AS item
LEFT JOIN (
    SELECT listing_id, coalesce(variant_id, 0) AS variant_id, sum(delta) AS total
    FROM inventory_movements GROUP BY 1, 2
) AS ledger ON ledger.listing_id = item.product_id AND ledger.variant_id = coalesce(item.variant_id, 0)
WHERE item.on_hand <> coalesce(ledger.total, 0)
ORDER BY item.product_id, item.variant_id NULLS FIRST
LIMIT $1;

-- name: repair
-- Writes one `repair` line for each asked item that drifts, so that its deltas add up again; stock itself stays.
-- The function locks the items and sums under the lock: an order that comes between cannot be repaired away.
SELECT product_id, variant_id, on_hand, ledger_sum FROM listings_repair_ledger($1::bigint[], $2::bigint[]);
