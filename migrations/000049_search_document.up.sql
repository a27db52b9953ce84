-- listings:no-transaction
-- listings:statement-timeout 2h
-- Finds listings by word or prefix.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listing_search while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listing_search_document
    ON listing_search USING gin (document);
