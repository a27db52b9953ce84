-- Gives the tables their old names back. A variants table that the way up created stays, under the old name.
--
-- Locks: ACCESS EXCLUSIVE on the three tables for milliseconds.

ALTER TABLE product_variants RENAME TO b2c_product_variants;
ALTER TABLE listing_favorites RENAME TO c2c_favorites;
ALTER TABLE categories RENAME TO c2c_categories;
