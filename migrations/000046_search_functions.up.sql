-- Text search that understands Russian, English and Serbian in both scripts, without any extension.
--
--   listings_lower(text)    lower case that does not depend on the database's locale
--   listings_fold(text)     one ASCII spelling for the ways to write a word: Cyrillic, Latin with or without marks.
--                           dj, đ and ђ all become d, so that Ђорђе, Đorđe, Djordje and Dorde are one word
--   listings_search_vector(title, description)
--                           title with weight A, description with weight B, each word twice: stemmed (Russian and
--                           English, which the russian configuration applies by script) and folded but unstemmed
--   listings_trigrams(text) the distinct trigrams of the folded words, each padded with two blanks before and one after
--
-- How to ask: a word matches stemmed by to_tsquery('russian', listings_lower(word)) or folded, also as a prefix, by
-- to_tsquery('simple', listings_fold(word) || ':*').
-- A word with one typo still has most of its trigrams: cut its trigrams, in order, into three runs; one letter spoils at
-- most two of them, so `title_trigrams @> run1 OR @> run2 OR @> run3` finds every candidate from the index.
--
-- Only the first 20,000 characters of a description are indexed, so that no text can overflow a tsvector.
-- The letters are listed instead of asked of the locale: a database made with locale C lowers ASCII only.
--
-- Locks: creates functions only.

CREATE FUNCTION listings_lower(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT translate(
        lower(value COLLATE "C"),
        'АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЈЉЊЋЏЄІЇҐЃЌЅЎё'
            'ČĆĐŠŽÀÁÂÃÄÅĀÆÇÈÉÊËĒĘÌÍÎÏÑŃÒÓÔÕÖØŐÙÚÛÜŰŮÝŁŚŹŻŘŇŤĎ',
        'абвгдеежзийклмнопрстуфхцчшщъыьэюяђјљњћџєіїґѓќѕўе'
            'čćđšžàáâãäåāæçèéêëēęìíîïñńòóôõöøőùúûüűůýłśźżřňťď'
    );
$$;

CREATE FUNCTION listings_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT replace(replace(replace(replace(replace(replace(replace(
        translate(
            listings_lower(value),
            'абвгдежзийклмнопрстуфхцчшыэђјћєіїґѓќѕў'
                'čćđšžàáâãäåāæçèéêëēęìíîïñńòóôõöøőùúûüűůýłśźżřňťďъь',
            'abvgdezzijklmnoprstufhccsyedjceiigdkzu'
                'ccdszaaaaaaaaceeeeeeiiiinnooooooouuuuuuylszzrntd'
        ),
        'љ', 'lj'), 'њ', 'nj'), 'џ', 'dz'), 'ю', 'ju'), 'я', 'ja'), 'щ', 'sc'), 'dj', 'd');
$$;

CREATE FUNCTION listings_search_vector(title text, description text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(
            to_tsvector('pg_catalog.russian', listings_lower(coalesce(title, '')))
                || to_tsvector('pg_catalog.simple', listings_fold(coalesce(title, ''))), 'A')
        || setweight(
            to_tsvector('pg_catalog.russian', listings_lower(left(coalesce(description, ''), 20000)))
                || to_tsvector('pg_catalog.simple', listings_fold(left(coalesce(description, ''), 20000))), 'B');
$$;

CREATE FUNCTION listings_trigrams(value text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(padded.word, start, 3)), '{}')
    FROM (
        SELECT '  ' || word || ' ' AS word
        FROM regexp_split_to_table(
            listings_fold(value), '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f]+') AS words (word)
        WHERE word <> ''
    ) AS padded, generate_series(1, length(padded.word) - 2) AS start;
$$;
