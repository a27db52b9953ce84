-- name: of_listing
-- The variants of an undeleted listing, oldest first, as the older message family shows them.
SELECT v.id, l.id AS listing_id, COALESCE(v.sku, '') AS sku, v.price, v.stock_quantity, v.variant_attributes,
       v.image_url, v.is_active, v.created_at, v.updated_at
FROM product_variants v JOIN listings l ON l.id = v.product_id
WHERE v.product_id = $1::bigint AND l.is_deleted = false
ORDER BY v.id;

-- name: listing_of
-- Whose variant it is.
SELECT product_id::bigint FROM product_variants WHERE id = $1::bigint;

-- name: create
-- Adds variants to a locked listing in the order given, so that their ids ascend in it too.
INSERT INTO product_variants (product_id, sku, price, stock_quantity, stock_status, variant_attributes, image_url)
SELECT $1::bigint, sku, price, stock, stock_status, attributes, image_url
FROM unnest($2::text[], $3::numeric[], $4::int[], $5::text[], $6::jsonb[], $7::text[]) WITH ORDINALITY
    AS new (sku, price, stock, stock_status, attributes, image_url, position)
ORDER BY position
RETURNING id, stock_quantity;

-- name: lock
-- A variant of a locked listing, as its last writer left it.
SELECT id, stock_quantity, low_stock_threshold, stock_status
FROM product_variants WHERE id = $1::bigint FOR NO KEY UPDATE;

-- name: change
-- Writes what is given of a locked variant; NULL leaves a column as it is, an empty text clears it.
UPDATE product_variants SET
    sku = CASE WHEN $2::text IS NULL THEN sku ELSE NULLIF($2, '') END,
    price = COALESCE($3::numeric, price),
    stock_quantity = COALESCE($4::int, stock_quantity),
    stock_status = COALESCE($5::text, stock_status),
    variant_attributes = COALESCE($6::jsonb, variant_attributes),
    image_url = CASE WHEN $7::text IS NULL THEN image_url ELSE NULLIF($7, '') END,
    is_active = COALESCE($8::bool, is_active),
    updated_at = now()
WHERE id = $1::bigint
RETURNING id;

-- name: remove
-- Removes a variant of a locked listing.
DELETE FROM product_variants WHERE id = $1::bigint RETURNING id, stock_quantity, is_default;

-- name: choose_default
-- Makes the oldest variant of a listing its default; nothing where there is none.
UPDATE product_variants SET is_default = true, updated_at = now()
WHERE id = (SELECT min(id) FROM product_variants WHERE product_id = $1::bigint)
RETURNING id;

-- name: mark_listing
-- Says on a locked listing whether it has variants; writes only when that changes.
UPDATE listings SET has_variants = found.any_left
FROM (SELECT EXISTS (SELECT 1 FROM product_variants WHERE product_id = $1::bigint) AS any_left) AS found
WHERE id = $1 AND has_variants IS DISTINCT FROM found.any_left
RETURNING id;
