-- Drops the search functions.
--
-- Locks: none on tables.
--
-- squawk-ignore-file ban-drop-function
-- Why excused: a way down removes what the way up added.

DROP FUNCTION listings_trigrams(text);
DROP FUNCTION listings_search_vector(text, text);
DROP FUNCTION listings_fold(text);
DROP FUNCTION listings_lower(text);
