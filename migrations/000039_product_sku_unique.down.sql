-- listings:no-transaction
-- Drops listings_storefront_sku_unique.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS listings_storefront_sku_unique;
