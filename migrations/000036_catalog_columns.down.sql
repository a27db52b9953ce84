-- Drops the columns and what they hold.
--
-- Locks: ACCESS EXCLUSIVE on the three tables for milliseconds.
--
-- squawk-ignore-file ban-drop-column
-- Why excused: a way down removes what the way up added.

ALTER TABLE categories DROP COLUMN title_sr, DROP COLUMN title_ru, DROP COLUMN title_en;
ALTER TABLE product_variants DROP COLUMN image_url;
ALTER TABLE listings DROP COLUMN expiry_managed, DROP COLUMN barcode;
