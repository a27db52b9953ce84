-- Ties rows of the indexing queue to their listings again; rows whose listing is gone go first.
--
-- Locks: SHARE ROW EXCLUSIVE on both tables while indexing_queue is read once.
--
-- squawk-ignore-file constraint-missing-not-valid
-- Why excused: a way down is run by hand, with the service stopped.

DELETE FROM indexing_queue AS q WHERE NOT EXISTS (SELECT FROM listings AS l WHERE l.id = q.listing_id);
ALTER TABLE indexing_queue
    ADD CONSTRAINT indexing_queue_listing_id_fkey
        FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE NOT VALID;
ALTER TABLE indexing_queue VALIDATE CONSTRAINT indexing_queue_listing_id_fkey;
