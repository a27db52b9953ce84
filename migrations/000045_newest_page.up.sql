-- listings:no-transaction
-- listings:statement-timeout 2h
-- Pages of listings without any filter, newest first, deleted ones left out.
--
-- Why: reads a page in index order however deep the cursor is. created_at repeats (one transaction, one time), so id
-- decides.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listings_newest_page
    ON listings (created_at DESC, id DESC)
    WHERE is_deleted = false;
