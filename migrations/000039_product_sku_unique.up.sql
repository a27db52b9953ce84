-- listings:no-transaction
-- listings:statement-timeout 2h
-- One product per sku in a storefront, among those not deleted.
--
-- Why: an order names a product by its sku. The same sku in another storefront, on a deleted product, or empty, is fine.
-- Duplicates were reported before anything changed, by the file that renames the tables.
-- Conflict target: (storefront_id, sku) WHERE source_type = 'b2c' AND sku <> '' AND is_deleted = false.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings while the index is built; reads and writes go on.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS listings_storefront_sku_unique
    ON listings (storefront_id, sku)
    WHERE source_type = 'b2c' AND sku <> '' AND is_deleted = false;
