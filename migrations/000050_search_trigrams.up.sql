-- listings:no-transaction
-- listings:statement-timeout 2h
-- Finds listings whose title is spelled a little differently from what was asked.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listing_search while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listing_search_trigrams
    ON listing_search USING gin (title_trigrams);
