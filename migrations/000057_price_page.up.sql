-- listings:no-transaction
-- listings:statement-timeout 2h
-- Pages of listings that everybody may see, cheapest or dearest first.
--
-- Why: without it a page sorted by price sorts the whole table. A scan of it alone counts what can be found.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_listings_price_page
    ON listings (price, id)
    WHERE status = 'active' AND visibility = 'public' AND is_deleted = false;
