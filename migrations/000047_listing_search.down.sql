-- Drops the search documents; they are derived from listings.
--
-- Locks: ACCESS EXCLUSIVE on listings for milliseconds.
--
-- squawk-ignore-file ban-drop-function, ban-drop-table
-- Why excused: the table holds derived data only.

DROP TRIGGER listing_search_refresh ON listings;
DROP TRIGGER listing_search_add ON listings;
DROP FUNCTION listing_search_refresh();
DROP FUNCTION listing_search_add();
DROP TABLE listing_search;
