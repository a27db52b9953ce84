-- name: apply
-- Carries out a batch of stock changes: one trip, one commit. The promises stand with the function, in the
-- migration that creates it.
SELECT request, product_id, variant_id, outcome, stock_before, stock_after, known
FROM listings_apply_stock(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
    $7::int[], $8::bigint[], $9::bigint[], $10::int[], $11::text[], $12::text[], $13::boolean);

-- name: on_hand
-- Units on hand of the asked items (variant 0: the product itself); unknown and deleted ones are left out.
-- Reads without locks.
SELECT asked.product_id, asked.variant_id,
       CASE WHEN asked.variant_id = 0 THEN l.quantity ELSE v.stock_quantity END AS on_hand
FROM unnest($1::bigint[], $2::bigint[]) AS asked (product_id, variant_id)
JOIN listings l ON l.id = asked.product_id AND l.source_type = 'b2c' AND NOT l.is_deleted AND l.deleted_at IS NULL
LEFT JOIN product_variants v ON v.id = asked.variant_id AND v.product_id = asked.product_id
WHERE asked.variant_id = 0 OR v.id IS NOT NULL;

-- name: products_on_hand
-- The same for products alone, which is what most callers ask: one scan of the key finds them all.
SELECT id, quantity
FROM listings
WHERE id = ANY ($1::bigint[]) AND source_type = 'b2c' AND NOT is_deleted AND deleted_at IS NULL;

-- name: view
-- Adds views, several per product at once. Rows are locked in id order before any is written, the order of
-- every other writer of several products. The search index is not told: views alone would keep it busy.
WITH viewed AS (
    SELECT l.id, seen.views
    FROM unnest($1::bigint[], $2::int[]) AS seen (id, views)
    JOIN listings l ON l.id = seen.id AND l.source_type = 'b2c' AND NOT l.is_deleted AND l.deleted_at IS NULL
    ORDER BY l.id
    FOR NO KEY UPDATE OF l
)
UPDATE listings
SET view_count = least(view_count::bigint + viewed.views, 2147483647)
FROM viewed
WHERE listings.id = viewed.id
RETURNING listings.id;
