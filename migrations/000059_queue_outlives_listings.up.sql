-- Keeps rows of the indexing queue when their listing is deleted for good.
--
-- Why: the cascade took the order to delete the document along with the listing, so that an index outside the database
-- would have shown for ever what was gone. Rows that nobody takes are purged by age, as before.
--
-- Locks: ACCESS EXCLUSIVE on indexing_queue and SHARE ROW EXCLUSIVE on listings for milliseconds.
--
-- squawk-ignore-file ban-drop-constraint
-- Why excused: losing the cascade is the purpose.

ALTER TABLE indexing_queue DROP CONSTRAINT IF EXISTS indexing_queue_listing_id_fkey;
