-- name: shape
-- A product as callers see it: the beginning of every statement that reads products.
SELECT l.id, l.storefront_id, l.title, coalesce(l.description, '') AS description, l.price, l.currency,
       l.category_id, l.sku, l.barcode, l.quantity, coalesce(l.stock_status, 'in_stock') AS stock_status,
       l.status, coalesce(l.attributes, '{}') AS attributes, l.view_count, l.sold_count, l.created_at,
       l.updated_at, coalesce(l.has_individual_location, false) AS has_individual_location,
       l.individual_address, l.individual_latitude, l.individual_longitude, l.location_privacy,
       coalesce(l.show_on_map, true) AS show_on_map, coalesce(l.has_variants, false) AS has_variants
FROM listings AS l;

-- name: count_of
-- How many undeleted products a storefront has.
SELECT count(*) FROM listings
WHERE storefront_id = $1::bigint AND source_type = 'b2c' AND is_deleted = false;

-- name: standing
-- What the new products of a storefront need to know before they are written: who owns the storefront,
-- which of the categories may be used, and which of the SKUs are taken. Each SKU is looked up by itself (LIMIT
-- keeps it so): a plan made while the storefront was small must not read all of it when it has grown.
SELECT (SELECT s.user_id FROM storefronts s WHERE s.id = $1::bigint AND s.deleted_at IS NULL) AS owner_id,
       ARRAY(SELECT c.id::bigint FROM categories c WHERE c.id = ANY($2::bigint[]) AND c.is_active) AS categories,
       ARRAY(SELECT wanted.sku FROM unnest($3::text[]) AS wanted (sku)
             CROSS JOIN LATERAL (
                 SELECT FROM listings l
                 WHERE l.storefront_id = $1::bigint AND l.sku = wanted.sku AND l.sku <> ''
                   AND l.source_type = 'b2c' AND l.is_deleted = false
                 LIMIT 1
             ) AS holder) AS skus;

-- name: free_slugs
-- The first free number of each slug that is taken, or wanted by several new products ($3): the one after
-- an unbroken run of taken ones, found by doubling and then halving. `is_taken` says whether the plain slug is.
SELECT wanted.slug, plain.is_taken, number.free
FROM unnest($1::text[], $2::text[], $3::boolean[]) AS wanted (slug, stem, is_repeated)
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM listings l WHERE l.slug = wanted.slug AND l.is_deleted = false) AS is_taken
) AS plain
CROSS JOIN LATERAL (
    WITH RECURSIVE search (taken, free) AS (
        SELECT 0::bigint, NULL::bigint
        UNION ALL
        SELECT CASE WHEN probe.is_taken THEN probe.number ELSE probe.taken END,
               CASE WHEN probe.is_taken THEN probe.free ELSE probe.number END
        FROM (
            SELECT s.taken, s.free, next.number,
                   EXISTS (SELECT FROM listings l
                           WHERE l.slug = wanted.stem || '-' || next.number AND l.is_deleted = false) AS is_taken
            FROM search s,
                 LATERAL (SELECT CASE WHEN s.free IS NULL THEN greatest(s.taken * 2, 1)
                                      ELSE (s.taken + s.free) / 2 END) AS next (number)
            WHERE s.free IS NULL OR s.free > s.taken + 1
        ) AS probe
    )
    SELECT s.free FROM search s WHERE s.free = s.taken + 1
) AS number
WHERE plain.is_taken OR wanted.is_repeated;

-- name: insert
-- Writes new products of one storefront in the order given and returns those that found their place. A SKU
-- or slug that somebody else has, or is just taking, is waited for and then left out: never an error that
-- would lose the others.
INSERT INTO listings
    (uuid, slug, storefront_id, user_id, title, description, price, currency, category_id, sku, barcode,
     quantity, stock_status, status, published_at, attributes, has_individual_location, individual_address,
     individual_latitude, individual_longitude, location_privacy, show_on_map, has_variants, source_type)
SELECT n.uuid, n.slug, $1::bigint, $2::bigint, n.title, n.description, n.price, n.currency, n.category_id, n.sku,
       n.barcode, n.quantity, n.stock_status, n.status, CASE WHEN n.status = 'active' THEN now() END,
       n.attributes::jsonb, n.has_individual_location, n.individual_address, n.individual_latitude,
       n.individual_longitude, n.location_privacy, n.show_on_map, n.has_variants, 'b2c'
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::text[], $9::bigint[], $10::text[],
            $11::text[], $12::int[], $13::text[], $14::text[], $15::text[], $16::boolean[], $17::text[],
            $18::numeric[], $19::numeric[], $20::text[], $21::boolean[], $22::boolean[]) WITH ORDINALITY
    AS n (uuid, slug, title, description, price, currency, category_id, sku, barcode, quantity, stock_status,
          status, attributes, has_individual_location, individual_address, individual_latitude,
          individual_longitude, location_privacy, show_on_map, has_variants, position)
ORDER BY n.position
ON CONFLICT DO NOTHING
RETURNING id, uuid, created_at, updated_at;

-- name: stored_uuids
-- Which of these products an earlier, interrupted run wrote already.
SELECT uuid FROM listings WHERE uuid = ANY($1::uuid[]);

-- name: skus_of_others
-- Who has these SKUs in a storefront now.
SELECT wanted.sku, holder.id
FROM unnest($2::text[]) AS wanted (sku)
CROSS JOIN LATERAL (
    SELECT l.id FROM listings l
    WHERE l.storefront_id = $1::bigint AND l.sku = wanted.sku AND l.sku <> ''
      AND l.source_type = 'b2c' AND l.is_deleted = false
    LIMIT 1
) AS holder;

-- name: usable_categories
-- Which of these categories products may be put into.
SELECT id::bigint FROM categories WHERE id = ANY($1::bigint[]) AND is_active;

-- name: clear_skus
-- Sets SKUs free that the next statement of this transaction gives to others of the same rows: a unique index
-- is checked row by row, and the rows come in any order.
UPDATE listings SET sku = NULL WHERE id = ANY($1::bigint[]) RETURNING id;

-- name: update
-- Writes what may change in products that this transaction has locked. Becoming active publishes anew.
UPDATE listings AS l SET
    title = n.title, description = n.description, price = n.price, currency = n.currency,
    category_id = n.category_id, sku = n.sku, barcode = n.barcode, status = n.status,
    published_at = CASE WHEN n.status = 'active' AND l.status <> 'active' THEN now() ELSE l.published_at END,
    attributes = n.attributes::jsonb, has_individual_location = n.has_individual_location,
    individual_address = n.individual_address, individual_latitude = n.individual_latitude,
    individual_longitude = n.individual_longitude, location_privacy = n.location_privacy,
    show_on_map = n.show_on_map
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::numeric[], $5::text[], $6::bigint[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::boolean[], $12::text[], $13::numeric[], $14::numeric[], $15::text[],
            $16::boolean[])
    AS n (id, title, description, price, currency, category_id, sku, barcode, status, attributes,
          has_individual_location, individual_address, individual_latitude, individual_longitude,
          location_privacy, show_on_map)
WHERE l.id = n.id
RETURNING l.id, l.updated_at;

-- name: lock_for_deletion
-- Locks products of a storefront, deleted ones too, in id order: the one order in which rows are locked.
SELECT l.id, l.is_deleted,
       (SELECT count(*) FROM product_variants v WHERE v.product_id = l.id)::int AS variants
FROM listings l
WHERE l.id = ANY($1::bigint[]) AND l.storefront_id = $2::bigint AND l.source_type = 'b2c'
ORDER BY l.id
FOR UPDATE OF l;

-- name: mark_deleted
-- Takes locked products out of every read.
UPDATE listings SET is_deleted = true, deleted_at = now()
WHERE id = ANY($1::bigint[]) AND is_deleted = false
RETURNING id;

-- name: remove_variants
-- Removes the variants of locked products, with the stock they had.
DELETE FROM product_variants WHERE product_id = ANY($1::bigint[])
RETURNING id, product_id, stock_quantity;

-- name: remove
-- Removes locked products and, by their foreign keys, all that belongs to them, with the stock they had.
DELETE FROM listings WHERE id = ANY($1::bigint[]) RETURNING id, quantity;
