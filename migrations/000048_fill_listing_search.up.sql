-- listings:no-transaction
-- listings:statement-timeout 2h
-- Writes the search document of every listing that has none yet, a thousand rows per transaction.
--
-- Why: listings written before the triggers exist. Each batch commits for itself, so no lock lasts, and a run that
-- was stopped goes on where it was.
--
-- Locks: row locks on the new rows of one batch at a time; reads and writes of listings go on.

DO $$
DECLARE
    last_id bigint := 0;
    batch_end bigint;
BEGIN
    LOOP
        SELECT max(id) INTO batch_end
        FROM (SELECT id FROM listings WHERE id > last_id ORDER BY id LIMIT 1000) AS batch;
        EXIT WHEN batch_end IS NULL;
        INSERT INTO listing_search (listing_id, document, title_trigrams)
        SELECT id, listings_search_vector(title, description), listings_trigrams(title)
        FROM listings
        WHERE id > last_id AND id <= batch_end
            AND NOT EXISTS (SELECT FROM listing_search WHERE listing_id = listings.id)
        ORDER BY id
        ON CONFLICT (listing_id) DO NOTHING;
        COMMIT;
        last_id := batch_end;
    END LOOP;
END;
$$;
