-- Gives the tables their old names back. A variants table that the way up created stays, under the old name.
--
-- Locks: ACCESS EXCLUSIVE on the three tables for milliseconds.
--
-- squawk-ignore-file renaming-table
-- Why excused: the way up renames too; both are part of a cut-over.

ALTER TABLE product_variants RENAME TO b2c_product_variants;
ALTER TABLE listing_favorites RENAME TO c2c_favorites;
ALTER TABLE categories RENAME TO c2c_categories;
