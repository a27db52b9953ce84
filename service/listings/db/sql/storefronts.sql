-- name: shape
-- A storefront as callers see it: the beginning of every statement here. What old rows leave open is
-- filled the way the columns' defaults would have.
SELECT s.id, s.user_id, s.slug, s.name, s.description, s.logo_url, s.banner_url, s.phone, s.email, s.website,
       s.address, s.city, s.postal_code, COALESCE(s.country, '') AS country, s.latitude, s.longitude,
       COALESCE(s.is_active, true) AS is_active, COALESCE(s.is_verified, false) AS is_verified,
       COALESCE(s.rating, 0) AS rating, COALESCE(s.reviews_count, 0) AS reviews_count,
       COALESCE(s.products_count, 0) AS products_count, COALESCE(s.sales_count, 0) AS sales_count,
       COALESCE(s.views_count, 0) AS views_count, COALESCE(s.followers_count, 0) AS followers_count,
       COALESCE(s.created_at, 'epoch') AS created_at,
       COALESCE(s.updated_at, s.created_at, 'epoch') AS updated_at
FROM storefronts AS s;

-- name: owner
-- Whose storefront it is. Deleted ones too: their things do not become anybody's.
SELECT user_id FROM storefronts WHERE id = $1::bigint;

-- name: owner_of_product
-- Whose product it is: its storefront's owner, or who offers it where there is no storefront.
SELECT COALESCE(s.user_id, l.user_id) FROM listings AS l LEFT JOIN storefronts AS s ON s.id = l.storefront_id
WHERE l.id = $1::bigint;
