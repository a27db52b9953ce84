-- listings:no-transaction
-- listings:statement-timeout 2h
-- Pages of listings of one status, newest first, deleted ones left out.
--
-- Why: reads a page in index order however deep the cursor is. created_at repeats (one transaction, one time), so id
-- decides.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listings_status_page
    ON listings (status, created_at DESC, id DESC)
    WHERE is_deleted = false;
