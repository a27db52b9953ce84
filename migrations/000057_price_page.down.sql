-- listings:no-transaction
-- Drops idx_listings_price_page.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS idx_listings_price_page;
