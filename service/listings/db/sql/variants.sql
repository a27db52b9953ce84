-- name: shape
-- A variant as callers see it: the beginning of every statement that reads variants.
SELECT v.id, v.product_id, v.sku, v.barcode, v.price, v.compare_at_price, v.cost_price, v.stock_quantity,
       v.stock_status, v.low_stock_threshold, v.variant_attributes, v.weight, v.dimensions, v.is_active,
       v.is_default, v.view_count, v.sold_count, v.created_at, v.updated_at
FROM product_variants AS v;

-- name: lock_product
-- Locks a product: its variants are changed by one transaction at a time, so that the default mark and the
-- last active variant are judged on what really is.
SELECT l.status, coalesce(l.has_variants, false) AS has_variants
FROM listings l
WHERE l.id = $1::bigint AND l.source_type = 'b2c' AND l.is_deleted = false
FOR NO KEY UPDATE;

-- name: clear_default
-- Takes the default mark from the variant of a locked product that has it.
UPDATE product_variants SET is_default = false, updated_at = now()
WHERE product_id = $1::bigint AND is_default
RETURNING id;

-- name: insert
-- Writes new active variants of a locked product in the order given.
INSERT INTO product_variants
    (product_id, sku, barcode, price, compare_at_price, cost_price, stock_quantity, stock_status,
     low_stock_threshold, variant_attributes, weight, dimensions, is_default)
SELECT $1::bigint, n.sku, n.barcode, n.price, n.compare_at_price, n.cost_price, n.stock_quantity, n.stock_status,
       n.low_stock_threshold, n.variant_attributes::jsonb, n.weight, n.dimensions::jsonb, n.is_default
FROM unnest($2::text[], $3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::int[], $8::text[], $9::int[],
            $10::text[], $11::numeric[], $12::text[], $13::boolean[]) WITH ORDINALITY
    AS n (sku, barcode, price, compare_at_price, cost_price, stock_quantity, stock_status, low_stock_threshold,
          variant_attributes, weight, dimensions, is_default, position)
ORDER BY n.position
RETURNING id, product_id, sku, barcode, price, compare_at_price, cost_price, stock_quantity, stock_status,
          low_stock_threshold, variant_attributes, weight, dimensions, is_active, is_default, view_count,
          sold_count, created_at, updated_at;

-- name: taken_skus
-- Which of these SKUs variants have: one SKU is given once over all products.
SELECT sku FROM product_variants WHERE sku = ANY($1::text[]);

-- name: others_active
-- Whether a locked product has another active variant than this one.
SELECT EXISTS (SELECT FROM product_variants WHERE product_id = $1::bigint AND id <> $2::bigint AND is_active);

-- name: update
-- Writes what may change in a locked variant.
UPDATE product_variants SET
    sku = $2::text, barcode = $3::text, price = $4::numeric, compare_at_price = $5::numeric,
    cost_price = $6::numeric, stock_quantity = $7::int, stock_status = $8::text, low_stock_threshold = $9::int,
    variant_attributes = $10::text::jsonb, weight = $11::numeric, dimensions = $12::text::jsonb,
    is_active = $13::boolean, is_default = $14::boolean, updated_at = now()
WHERE id = $1::bigint
RETURNING updated_at;

-- name: remove
-- Removes a variant of a locked product, with the stock it had.
DELETE FROM product_variants WHERE id = $1::bigint AND product_id = $2::bigint
RETURNING stock_quantity, is_default;

-- name: settle
-- After a removal: the remaining variant with the lowest id becomes the default when no other is and the
-- removed one was ($2); a product whose last variant went has none any more.
WITH heir AS (
    UPDATE product_variants SET is_default = true, updated_at = now()
    WHERE $2::boolean
      AND id = (SELECT min(id) FROM product_variants WHERE product_id = $1::bigint)
      AND NOT EXISTS (SELECT FROM product_variants WHERE product_id = $1::bigint AND is_default)
), bare AS (
    UPDATE listings SET has_variants = false
    WHERE id = $1::bigint AND NOT EXISTS (SELECT FROM product_variants WHERE product_id = $1::bigint)
)
SELECT 1;
