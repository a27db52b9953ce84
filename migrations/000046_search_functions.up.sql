-- Text search that understands Russian, English and Serbian in both scripts, without any extension.
--
--   listings_lower(text)    lower case, also in a database of locale C, whose lower() knows ASCII only; ё becomes е
--   listings_fold(text)     one ASCII spelling for the ways to write a word: Cyrillic, Latin with or without marks.
--                           dj, đ and ђ all become d, so that Ђорђе, Đorđe, Djordje and Dorde are one word
--   listings_search_vector(title, description)
--                           title with weight A, description with weight B, each word twice: stemmed (Russian and
--                           English, which the russian configuration applies by script) and folded but unstemmed
--   listings_trigrams(text) the trigrams of the folded words in order, each word padded with two blanks before and one
--                           after; a trigram may occur twice
--
-- How to ask: a word matches stemmed by to_tsquery('russian', listings_lower(word)) or folded, also as a prefix, by
-- to_tsquery('simple', listings_fold(word) || ':*').
-- A word with one typo still has most of its trigrams: cut its trigrams, in order, into three runs; one letter spoils at
-- most two of them, so `title_trigrams @> run1 OR @> run2 OR @> run3` finds every candidate from the index.
--
-- Only the first 20,000 characters of a description are indexed, so that no text can overflow a tsvector.
-- Why the letters stand in this order: translate() searches its list for every character of the text, so blanks and
-- frequent letters, plain Latin ones too, come first. This is half of what an insert pays for being searchable.
--
-- Locks: creates functions only.

CREATE FUNCTION listings_lower(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(
        CASE
            WHEN lower('Ђ') = 'ђ' THEN lower(value)
            ELSE translate(
                lower(value),
                'АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁЂЈЉЊЋЏЄІЇҐЃЌЅЎÁÀÂÃÄÅĀĄČĆÇĐĎÉÈÊË'
                    'ĒĘĚÍÌÎÏĪÑŃŇÓÒÔÕÖØŐÚÙÛÜŰŮÝŸŠŚŞŽŹŻŁŘŤĞ',
                'абвгдежзийклмнопрстуфхцчшщъыьэюяёђјљњћџєіїґѓќѕўáàâãäåāąčćçđďéèêë'
                    'ēęěíìîïīñńňóòôõöøőúùûüűůýÿšśşžźżłřťğ'
            )
        END,
        'ё', 'е');
$$;

CREATE FUNCTION listings_fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN octet_length(value) = length(value) THEN replace(lower(value), 'dj', 'd')
        ELSE replace(replace(replace(replace(replace(replace(replace(
            translate(
                listings_lower(value),
                ' оаеинeaтoсirрnвлsкtмдdпukуvmplзбыгjzčćđšžжйхцчшђјћфэєіїґѓќѕўёáà'
                    'âãäåāąçďéèêëēęěíìîïīıñńňóòôõöøőúùûüűůýÿśşźżłřťğьъ',
                ' oaeineatosirrnvlsktmddpukuvmplzbygjzccdszzjhccsdjcfeeiigdkzueaa'
                    'aaaaaacdeeeeeeeiiiiiinnnooooooouuuuuuyysszzlrtg'
            ),
            'љ', 'lj'), 'њ', 'nj'), 'џ', 'dz'), 'ю', 'ju'), 'я', 'ja'), 'щ', 'sc'), 'dj', 'd')
    END;
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
    SELECT ARRAY(
        SELECT substr(padded, start, 3)
        FROM (
            SELECT '  ' || replace(
                translate(
                    listings_fold(coalesce(value, '')),
                    E'!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~\t\n\r«»„“”‘’…—–',
                    repeat(' ', 64)),
                ' ', '  ') || ' ' AS padded
            OFFSET 0  -- folds once, not once per trigram
        ) AS words,
            generate_series(1, length(padded) - 2) AS start
        WHERE substr(padded, start + 1, 2) <> '  '
    );
$$;
