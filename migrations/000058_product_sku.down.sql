-- listings:no-transaction
-- Drops idx_listings_product_sku.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS idx_listings_product_sku;
