-- listings:no-transaction
-- listings:statement-timeout 2h
-- Finished queue rows by age.
--
-- Why: they are purged after seven days, a batch at a time.
--
-- Locks: SHARE UPDATE EXCLUSIVE on indexing_queue while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_indexing_queue_completed
    ON indexing_queue (processed_at)
    WHERE status = 'completed';
