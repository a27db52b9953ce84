-- listings:no-transaction
-- Drops idx_listing_search_document.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listing_search; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS idx_listing_search_document;
