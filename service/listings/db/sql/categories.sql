-- name: catalog
-- Every category with its number of active undeleted listings, by name: the whole catalog in one round trip.
-- All counts come from one grouped pass over idx_listings_category_page, index-only: it is led by
-- category_id, includes status and holds undeleted rows alone (a constraint makes is_deleted and deleted_at one
-- fact, so naming deleted_at too would only force visits to the table).
SELECT c.id, c.name, c.slug, c.parent_id, c.icon, c.description,
       COALESCE(c.is_active, false) AS is_active,
       COALESCE(c.sort_order, 0) AS sort_order,
       COALESCE(c.level, 0) AS level,
       COALESCE(c.has_custom_ui, false) AS has_custom_ui,
       c.custom_ui_component, c.created_at, c.title_en, c.title_ru, c.title_sr,
       COALESCE(counted.listings, 0)::int AS listing_count
FROM categories c
LEFT JOIN (
    SELECT category_id, count(*) AS listings
    FROM listings
    WHERE is_deleted = false AND status = 'active'
    GROUP BY category_id
) AS counted ON counted.category_id = c.id
ORDER BY c.name, c.id;
