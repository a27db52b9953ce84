-- Validates the wider source_type rule.
--
-- Why: a step of its own, because validation reads the whole table and needs only a weak lock.
--
-- Locks: SHARE UPDATE EXCLUSIVE on listings while the table is read once; reads and writes go on.

ALTER TABLE listings VALIDATE CONSTRAINT listings_source_type_check;
