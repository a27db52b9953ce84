-- The searchable form of every listing that can be found: active, public and undeleted. Kept by the database, whoever
-- writes the listing.
--
--   document        listings_search_vector(title, description)
--   title_trigrams  listings_trigrams(title)
--   the rest        what a search filters and sorts by, copied from listings
--
-- Why a table of its own: the document is often larger than the listing. Inside listings it would be copied with every
-- stock and view update and leave no room on the page for cheap (HOT) ones.
-- Why copies of what is filtered: a common word matches a fifth of all listings. Looking each of them up in listings
-- takes three times as long as the search itself. What changes often, stock and counters, is not copied.
-- Why triggers: rows that psql or another service writes must be found too. Inserts are handled once per statement,
-- so that bulk loads pay once; updates only when a copied value or what a listing says really changes.
--
-- Locks: SHARE ROW EXCLUSIVE on listings for milliseconds (new triggers and a foreign key to it).

CREATE TABLE listing_search (
    listing_id     bigint NOT NULL,
    category_id    bigint NOT NULL,
    storefront_id  bigint,
    price          numeric(15,2) NOT NULL,
    created_at     timestamptz NOT NULL,
    source_type    text NOT NULL,
    document       tsvector NOT NULL,
    title_trigrams text[] NOT NULL,
    CONSTRAINT listing_search_pkey PRIMARY KEY (listing_id),
    CONSTRAINT listing_search_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES listings(id) ON DELETE CASCADE
);

CREATE FUNCTION listing_search_add() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO listing_search
        (listing_id, category_id, storefront_id, price, created_at, source_type, document, title_trigrams)
    SELECT id, category_id, storefront_id, price, created_at, source_type,
        listings_search_vector(title, description), listings_trigrams(title)
    FROM written
    WHERE status = 'active' AND visibility = 'public' AND is_deleted = false;
    RETURN NULL;
END;
$$;

CREATE FUNCTION listing_search_refresh() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'active' OR NEW.visibility <> 'public' OR NEW.is_deleted THEN
        DELETE FROM listing_search WHERE listing_id = NEW.id;
        RETURN NULL;
    END IF;
    IF NEW.title = OLD.title AND NEW.description IS NOT DISTINCT FROM OLD.description THEN
        UPDATE listing_search
        SET category_id = NEW.category_id, storefront_id = NEW.storefront_id, price = NEW.price,
            created_at = NEW.created_at, source_type = NEW.source_type
        WHERE listing_id = NEW.id;
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO listing_search
        (listing_id, category_id, storefront_id, price, created_at, source_type, document, title_trigrams)
    VALUES (NEW.id, NEW.category_id, NEW.storefront_id, NEW.price, NEW.created_at, NEW.source_type,
        listings_search_vector(NEW.title, NEW.description), listings_trigrams(NEW.title))
    ON CONFLICT (listing_id) DO UPDATE
        SET category_id = excluded.category_id, storefront_id = excluded.storefront_id, price = excluded.price,
            created_at = excluded.created_at, source_type = excluded.source_type,
            document = excluded.document, title_trigrams = excluded.title_trigrams;
    RETURN NULL;
END;
$$;

CREATE TRIGGER listing_search_add
    AFTER INSERT ON listings
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION listing_search_add();
-- deleted_at stands in the list because setting it alone sets is_deleted too (000037).
CREATE TRIGGER listing_search_refresh
    AFTER UPDATE OF title, description, category_id, storefront_id, price, created_at, source_type,
        status, visibility, is_deleted, deleted_at
    ON listings
    FOR EACH ROW
    WHEN ((OLD.title, OLD.description, OLD.category_id, OLD.storefront_id, OLD.price, OLD.created_at,
           OLD.source_type, OLD.status, OLD.visibility, OLD.is_deleted)
        IS DISTINCT FROM
          (NEW.title, NEW.description, NEW.category_id, NEW.storefront_id, NEW.price, NEW.created_at,
           NEW.source_type, NEW.status, NEW.visibility, NEW.is_deleted))
    EXECUTE FUNCTION listing_search_refresh();
