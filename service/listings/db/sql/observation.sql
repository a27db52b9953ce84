-- name: queue
-- How the queue of the search index stands; one row. Reads only rows that are not finished, by their index.
SELECT (count(*) FILTER (WHERE status IN ('pending', 'processing')))::int AS waiting,
       (count(*) FILTER (WHERE status = 'failed'))::int AS failed,
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE status <> 'failed')), 0)::float8
           AS oldest_seconds
FROM indexing_queue
WHERE status <> 'completed';

-- name: schema
-- The version that the migrations left behind.
SELECT version, dirty FROM schema_migrations LIMIT 1;

-- name: by_status
-- Undeleted listings by status. Reads the whole table: for minutes, not for seconds.
SELECT status, count(*)::int AS listings,
       (count(*) FILTER (WHERE source_type = 'b2c' AND quantity = 0))::int AS out_of_stock
FROM listings
WHERE NOT is_deleted AND deleted_at IS NULL
GROUP BY status;

-- name: value
-- What the undeleted products of all shops are worth: the $1 most valuable by id, and all together in each row.
SELECT id AS product_id, storefront_id, (price * quantity)::float8 AS value,
       (sum(price * quantity) OVER ())::float8 AS total
FROM listings
WHERE source_type = 'b2c' AND storefront_id IS NOT NULL AND NOT is_deleted AND deleted_at IS NULL
ORDER BY price * quantity DESC, id
LIMIT $1::int;

-- name: thresholds
-- Storefront and own threshold of items: variants have one (NULL: the default), products have none.
SELECT item.product_id, item.variant_id, l.storefront_id, v.low_stock_threshold AS threshold
FROM unnest($1::bigint[], $2::bigint[]) AS item (product_id, variant_id)
JOIN listings l ON l.id = item.product_id
LEFT JOIN product_variants v ON v.id = item.variant_id;
