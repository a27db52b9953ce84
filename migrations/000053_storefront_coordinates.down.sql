-- listings:no-transaction
-- Drops idx_storefronts_coordinates.
--
-- Locks: SHARE UPDATE EXCLUSIVE on storefronts; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS idx_storefronts_coordinates;
