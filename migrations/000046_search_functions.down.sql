-- Drops the search functions.
--
-- Locks: none on tables.

DROP FUNCTION listings_trigrams(text);
DROP FUNCTION listings_search_vector(text, text);
DROP FUNCTION listings_fold(text);
DROP FUNCTION listings_lower(text);
