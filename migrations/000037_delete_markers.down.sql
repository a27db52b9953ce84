-- Lets the two markers differ again. Rows that were completed stay completed.
--
-- Locks: ACCESS EXCLUSIVE on listings for milliseconds.
--
-- squawk-ignore-file ban-drop-constraint, ban-drop-function
-- Why excused: a way down removes what the way up added.

ALTER TABLE listings DROP CONSTRAINT listings_delete_markers_check;
DROP TRIGGER listings_align_delete_markers_on_update ON listings;
DROP TRIGGER listings_align_delete_markers_on_insert ON listings;
DROP FUNCTION listings_align_delete_markers();
