-- listings:no-transaction
-- Drops idx_indexing_queue_completed.
--
-- Locks: SHARE UPDATE EXCLUSIVE on indexing_queue; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS idx_indexing_queue_completed;
