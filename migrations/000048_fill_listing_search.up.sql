-- listings:no-transaction
-- listings:statement-timeout 2h
-- Writes the search document of every listing that can be found and has none yet, 200 rows per transaction.
--
-- Why: listings written before the triggers exist. Each batch commits for itself, so no lock lasts, and a run that
-- was stopped goes on where it was. The rows are locked, or one that is deleted meanwhile would get a document.
--
-- Locks: SHARE on the rows of one batch at a time, some 50 ms: their updates wait, reads and all else go on.

DO $$
DECLARE
    last_id bigint := 0;
    batch_end bigint;
BEGIN
    LOOP
        SELECT max(id) INTO batch_end
        FROM (SELECT id FROM listings WHERE id > last_id ORDER BY id LIMIT 200) AS batch;
        EXIT WHEN batch_end IS NULL;
        INSERT INTO listing_search
            (listing_id, category_id, storefront_id, price, created_at, source_type, document, title_trigrams)
        SELECT id, category_id, storefront_id, price, created_at, source_type,
            listings_search_vector(title, description), listings_trigrams(title)
        FROM listings
        WHERE id > last_id AND id <= batch_end
            AND status = 'active' AND visibility = 'public' AND is_deleted = false
            AND NOT EXISTS (SELECT FROM listing_search WHERE listing_id = listings.id)
        ORDER BY id
        FOR SHARE OF listings
        ON CONFLICT (listing_id) DO NOTHING;
        COMMIT;
        last_id := batch_end;
    END LOOP;
END;
$$;
