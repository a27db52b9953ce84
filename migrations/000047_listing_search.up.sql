-- The searchable form of every listing, kept by the database whoever writes the listing.
--
--   listing_search(listing_id, document, title_trigrams): document is listings_search_vector(title, description),
--   title_trigrams is listings_trigrams(title). A search joins it with listings, which holds what is filtered.
--
-- Why a table of its own: the document is often larger than the listing. Inside listings it would be copied with every
-- stock and view update and leave no room on the page for cheap (HOT) ones.
-- Why triggers: rows that psql or another service writes must be found too. Inserts are handled once per statement,
-- so that bulk loads pay once; updates only when title or description really change.
--
-- Locks: SHARE ROW EXCLUSIVE on listings for milliseconds (new triggers and a foreign key to it).

CREATE TABLE listing_search (
    listing_id     bigint NOT NULL,
    document       tsvector NOT NULL,
    title_trigrams text[] NOT NULL,
    CONSTRAINT listing_search_pkey PRIMARY KEY (listing_id),
    CONSTRAINT listing_search_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE FUNCTION listing_search_add() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO listing_search (listing_id, document, title_trigrams)
    SELECT id, listings_search_vector(title, description), listings_trigrams(title)
    FROM written;
    RETURN NULL;
END;
$$;

CREATE FUNCTION listing_search_refresh() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO listing_search (listing_id, document, title_trigrams)
    VALUES (NEW.id, listings_search_vector(NEW.title, NEW.description), listings_trigrams(NEW.title))
    ON CONFLICT (listing_id) DO UPDATE
        SET document = excluded.document, title_trigrams = excluded.title_trigrams;
    RETURN NULL;
END;
$$;

CREATE TRIGGER listing_search_add
    AFTER INSERT ON listings
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION listing_search_add();
CREATE TRIGGER listing_search_refresh
    AFTER UPDATE OF title, description ON listings
    FOR EACH ROW
    WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.description IS DISTINCT FROM NEW.description)
    EXECUTE FUNCTION listing_search_refresh();
