-- Narrows source_type to the two earlier values, and refuses while a row uses the third: no other value would be true.
--
-- Locks: ACCESS EXCLUSIVE on listings while the table is read once.
--
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid
-- Why excused: a way down is run by hand, with the service stopped.

ALTER TABLE listings DROP CONSTRAINT listings_source_type_check;
ALTER TABLE listings ADD CONSTRAINT listings_source_type_check
    CHECK (source_type IN ('c2c', 'b2c')) NOT VALID;
ALTER TABLE listings VALIDATE CONSTRAINT listings_source_type_check;
