-- listings:no-transaction
-- listings:statement-timeout 2h
-- Pages of listings of one storefront, newest first, deleted ones left out.
--
-- Why: reads a page in index order however deep the cursor is. created_at repeats (one transaction, one time), so id
-- decides. status is included so that counting by status needs no table access.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listings_storefront_page
    ON listings (storefront_id, created_at DESC, id DESC) INCLUDE (status)
    WHERE is_deleted = false;
