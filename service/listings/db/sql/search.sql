-- name: asked
-- The words $1 of a search, the last of which may be the beginning of one, as tsqueries: one row. A word
-- only ever becomes a tsquery as a quoted text in to_tsquery, so that no character of it means anything.
--   exact        every word, as stemmed (Russian, English) or as spelled
--   loose        as exact, or: the last word as a prefix, inflected Serbian words by their stem
--   *_in_title   the same, found in the title alone
-- Stop words ("и", "the") narrow nothing unless there are no others. All NULL: nothing to look for.
-- OFFSET 0 makes each text once; without it the functions are written out wherever their results are used,
-- which costs 1 ms per search.
WITH word AS MATERIALIZED (
    SELECT '''' || lowered.plain || '''' AS spelled, '''' || folded.plain || '''' AS folded,
           given.place = cardinality($1::text[]) AS is_last,
           numnode(plainto_tsquery('pg_catalog.russian', lowered.plain)) = 0 AS is_stop,
           CASE WHEN folded.plain ~ '^[a-z]+$' AND length(stem.plain) BETWEEN 4 AND length(folded.plain) - 1
                THEN '''' || stem.plain || '''' END AS stem
    FROM unnest($1::text[]) WITH ORDINALITY AS given (word, place),
         LATERAL (SELECT translate(given.word, E'\'\\', '  ') AS word OFFSET 0) AS safe,
         LATERAL (SELECT listings_lower(safe.word) AS plain OFFSET 0) AS lowered,
         LATERAL (SELECT listings_fold(safe.word) AS plain OFFSET 0) AS folded,
         LATERAL (SELECT listings_fold((ts_lexize('pg_catalog.serbian_stem', lowered.plain))[1]) AS plain OFFSET 0) AS stem
), parsed AS (
    SELECT area.in_title, word.is_stop, bool_and(word.is_stop) OVER () AS only_stops, whole.exact,
           concat_ws(' | ', whole.exact,
               CASE WHEN word.is_last
                    THEN to_tsquery('pg_catalog.simple', word.folded || ':*' || area.weight)::text END,
               to_tsquery('pg_catalog.simple', word.stem || ':*' || area.weight)::text) AS loose
    FROM word,
         (VALUES (false, '', ''), (true, 'A', ':A')) AS area (in_title, weight, suffix),
         LATERAL (SELECT (to_tsquery('pg_catalog.russian', word.spelled || area.suffix)
                       || to_tsquery('pg_catalog.simple', word.folded || area.suffix))::text AS exact OFFSET 0) AS whole
)
SELECT (string_agg('(' || exact || ')', ' & ') FILTER (WHERE NOT in_title))::tsquery AS exact,
       (string_agg('(' || loose || ')', ' & ') FILTER (WHERE NOT in_title))::tsquery AS loose,
       (string_agg('(' || exact || ')', ' & ') FILTER (WHERE in_title))::tsquery AS exact_in_title,
       (string_agg('(' || loose || ')', ' & ') FILTER (WHERE in_title))::tsquery AS loose_in_title
FROM parsed
WHERE exact <> '' AND (only_stops OR NOT is_stop);

-- name: typed
-- The words $1 as somebody may have misspelt them: one row per word. A typo spoils three or four
-- neighbouring trigrams of a word, so one of the three runs that its trigrams are cut into is nearly always
-- whole, and the index finds listings by such a run. Words of less than four letters have too few trigrams
-- for that (their runs are NULL) and must be there as they are. Stop words have no row.
SELECT row_number() OVER (ORDER BY given.place) AS place, listings_fold(safe.word) AS folded, made.grams,
       to_tsquery('pg_catalog.simple', '''' || listings_fold(safe.word) || ''':*') AS as_is,
       CASE WHEN third.size >= 2 THEN made.grams[:third.size] END AS run_1,
       CASE WHEN third.size >= 2 THEN made.grams[third.size + 1 : 2 * third.size] END AS run_2,
       CASE WHEN third.size >= 2 THEN made.grams[2 * third.size + 1 :] END AS run_3
FROM unnest($1::text[]) WITH ORDINALITY AS given (word, place),
     LATERAL (SELECT translate(given.word, E'\'\\', '  ') AS word OFFSET 0) AS safe,
     LATERAL (SELECT listings_trigrams(safe.word) AS grams OFFSET 0) AS made,
     LATERAL (SELECT (cardinality(made.grams) + 1) / 3 AS size) AS third
WHERE cardinality(made.grams) > 0
  AND numnode(plainto_tsquery('pg_catalog.russian', listings_lower(safe.word))) > 0;

-- name: has_pg_trgm
-- Whether pg_trgm is installed where its functions are found without naming a schema.
SELECT to_regprocedure('word_similarity(text,text)') IS NOT NULL
   AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') AS has_pg_trgm;
