-- listings:no-transaction
-- listings:statement-timeout 2h
-- Finds products by sku in whichever storefront.
--
-- Why: GetProductsBySKUs may leave the storefront out, and the unique index begins with it: without this one such a
-- call reads all products.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listings_product_sku
    ON listings (sku)
    WHERE source_type = 'b2c' AND sku <> '' AND is_deleted = false;
