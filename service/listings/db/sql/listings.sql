-- name: shape
-- A listing as callers see it, with all that belongs to it: the beginning of every statement that reads
-- whole listings; repositories continue it with a join or a condition on `l`.
-- What belongs to it travels as arrays of records, in binary: no JSON is built here or parsed there, and
-- a page of listings costs one round trip, with one index look-up per listing and kind.
SELECT l.id, l.uuid, l.slug, l.user_id, l.storefront_id, l.title, l.description, l.price, l.currency,
       l.category_id, l.status, l.visibility, l.quantity, l.sku, l.source_type, l.stock_status,
       l.view_count, l.favorites_count, l.expires_at, l.created_at, l.updated_at, l.published_at,
       l.deleted_at, l.is_deleted,
       ARRAY(SELECT ROW(i.id, i.listing_id, i.url, i.storage_path, i.thumbnail_url, i.display_order,
                        i.is_primary, i.width, i.height, i.file_size, i.mime_type, i.created_at, i.updated_at)
             FROM listing_images i WHERE i.listing_id = l.id
             ORDER BY i.is_primary DESC, i.display_order, i.id) AS images,
       ARRAY(SELECT ROW(a.id, a.listing_id, a.attribute_key, coalesce(a.attribute_value, ''), a.created_at)
             FROM listing_attributes a WHERE a.listing_id = l.id ORDER BY a.id) AS attributes,
       ARRAY(SELECT t.tag FROM listing_tags t WHERE t.listing_id = l.id ORDER BY t.id) AS tags,
       (SELECT ROW(p.id, p.listing_id, p.country, p.city, p.postal_code, p.address_line1, p.address_line2,
                   p.latitude, p.longitude, p.created_at, p.updated_at)
        FROM listing_locations p WHERE p.listing_id = l.id) AS location,
       ARRAY(SELECT ROW(v.id, l.id, coalesce(v.sku, ''), v.price, v.stock_quantity, v.variant_attributes,
                        v.image_url, v.is_active, v.created_at, v.updated_at)
             FROM product_variants v WHERE v.product_id = l.id ORDER BY v.id) AS variants
FROM listings AS l;

-- name: create
-- Creates a draft and queues it, when the category exists and is active and the slug is free; else it
-- does nothing and says why. A slug that another transaction is just taking is waited for, so two
-- creations never share one. An expiry that is set here is ours to act on (expiry_managed).
WITH category AS (
    SELECT id FROM categories WHERE id = $8::bigint AND is_active
), created AS (
    INSERT INTO listings (uuid, slug, user_id, storefront_id, title, description, price, category_id, currency,
                          quantity, sku, source_type, stock_status, expires_at, expiry_managed)
    SELECT $1::uuid, $2::text, $3::bigint, $4::bigint, $5::text, $6::text, $7::numeric, category.id, $9::text,
           $10::int, $11::text, $12::text, $13::text, now() + $14::interval, $14::interval IS NOT NULL
    FROM category
    ON CONFLICT (slug) WHERE is_deleted = false DO NOTHING
    RETURNING id, status, visibility, view_count, favorites_count, expires_at, created_at, updated_at
), queued AS (
    INSERT INTO indexing_queue (listing_id, operation) SELECT id, 'index' FROM created
)
SELECT EXISTS (SELECT FROM category) AS category_known, created.*
FROM (SELECT) AS always LEFT JOIN created ON true;

-- name: free_number
-- A number that makes a taken slug free: the one after an unbroken run of taken ones, found by doubling
-- and then halving, so that the ten-thousandth listing of one title costs some 27 look-ups and not 10,000.
WITH RECURSIVE search (taken, free) AS (
    SELECT 0::bigint, NULL::bigint
    UNION ALL
    SELECT CASE WHEN probe.is_taken THEN probe.number ELSE probe.taken END,
           CASE WHEN probe.is_taken THEN probe.free ELSE probe.number END
    FROM (
        SELECT s.taken, s.free, next.number,
               EXISTS (SELECT FROM listings l
                       WHERE l.slug = $1::text || '-' || next.number AND l.is_deleted = false) AS is_taken
        FROM search s,
             LATERAL (SELECT CASE WHEN s.free IS NULL THEN greatest(s.taken * 2, 1)
                                  ELSE (s.taken + s.free) / 2 END) AS next (number)
        WHERE s.free IS NULL OR s.free > s.taken + 1
    ) AS probe
)
SELECT free FROM search WHERE free = taken + 1;

-- name: change
-- Writes what may change in a listing that this transaction has locked. Becoming active ($8) publishes
-- it anew; a duration in $9 starts its expiry anew.
UPDATE listings SET
    title = $2, description = $3, price = $4, quantity = $5, stock_status = $6, status = $7,
    published_at = CASE WHEN $8::boolean THEN now() ELSE published_at END,
    expires_at = CASE WHEN $9::interval IS NULL THEN expires_at ELSE now() + $9::interval END,
    expiry_managed = expiry_managed OR $9::interval IS NOT NULL
WHERE id = $1
RETURNING updated_at, published_at, expires_at;

-- name: remove
-- Marks a listing that this transaction has locked as deleted, and removes its images.
WITH images AS (
    DELETE FROM listing_images WHERE listing_id = $1
)
UPDATE listings SET is_deleted = true, deleted_at = now() WHERE id = $1 RETURNING id;

-- name: expire
-- Ends up to $2 active listings whose expiry we set and that lies before $1. Rows that somebody changes
-- right now, and those another process is ending, are skipped until the next time.
WITH due AS (
    SELECT id FROM listings
    WHERE status = 'active' AND is_deleted = false AND expires_at <= $1::timestamptz AND expiry_managed
    ORDER BY expires_at LIMIT $2::int
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE listings l SET status = 'inactive' FROM due WHERE l.id = due.id RETURNING l.id;
