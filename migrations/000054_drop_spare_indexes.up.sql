-- Drops indexes that another one covers, that nothing reads, or that made frequent updates expensive.
--
--   counters    view_count and sold_count change with every view and sale; while they are indexed, no such update can
--               stay on its page (HOT) and each writes to every index of the table
--   covered     the same columns lead another index: the pages of category, storefront, user, status and newest, the
--               history of an item, and the keys of uuid, slug, tags, attributes, locations, images and favorites
--   text        the English-only expression index; listing_search takes its place
--   unselective has_variants, movement_type; and user_id of movements, where most rows say 0
--   extension   the earthdistance index of a taken-over database
-- Two functions that no trigger has used for long go as well, where they exist.
--
-- Locks: ACCESS EXCLUSIVE on each table for milliseconds. One file in one transaction, not concurrently: dropping is a
-- catalog change, and lock_timeout with retries bounds the wait.
--
-- squawk-ignore-file require-concurrent-index-deletion, ban-drop-function
-- Why excused: see Locks above; the functions are unused.

DROP INDEX IF EXISTS idx_listings_category_id;
DROP INDEX IF EXISTS idx_listings_storefront_id;
DROP INDEX IF EXISTS idx_listings_user_id;
DROP INDEX IF EXISTS idx_listings_status;
DROP INDEX IF EXISTS idx_listings_created_at;
DROP INDEX IF EXISTS idx_listings_uuid;
DROP INDEX IF EXISTS idx_listings_slug_all;
DROP INDEX IF EXISTS idx_listings_has_variants;
DROP INDEX IF EXISTS idx_listings_view_count;
DROP INDEX IF EXISTS idx_listings_sold_count;
DROP INDEX IF EXISTS idx_listings_search;
DROP INDEX IF EXISTS idx_listing_attributes_listing_id;
DROP INDEX IF EXISTS idx_listing_images_listing_id;
DROP INDEX IF EXISTS idx_listing_locations_listing_id;
DROP INDEX IF EXISTS idx_listing_tags_listing_id;
DROP INDEX IF EXISTS idx_c2c_categories_slug;
DROP INDEX IF EXISTS idx_storefronts_slug;
DROP INDEX IF EXISTS idx_storefronts_location;
DROP INDEX IF EXISTS idx_c2c_favorites_unique;
DROP INDEX IF EXISTS idx_c2c_favorites_user_id;
DROP INDEX IF EXISTS idx_c2c_favorites_listing_id;
DROP INDEX IF EXISTS idx_inventory_movements_listing_id;
DROP INDEX IF EXISTS idx_inventory_movements_movement_type;
DROP INDEX IF EXISTS idx_inventory_movements_user_id;
DROP FUNCTION IF EXISTS update_b2c_products_updated_at();
DROP FUNCTION IF EXISTS update_b2c_product_variants_updated_at();
