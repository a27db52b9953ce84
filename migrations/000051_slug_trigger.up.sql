-- Makes the slug trigger give every title a slug, and keeps it away from updates that do not concern it.
--
-- Why: it ran on every update, stock included, and a title without Latin letters got an empty slug, which only one row
-- can have. Cyrillic and marked letters are now folded as in search; a title of another script gets
-- listing-<first part of its uuid>. It runs only for rows that bring no slug of their own.
--
-- Locks: ACCESS EXCLUSIVE on listings for milliseconds (trigger replaced).

CREATE OR REPLACE FUNCTION generate_slug_from_title() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    wanted text := trim(BOTH '-' FROM left(regexp_replace(listings_fold(NEW.title), '[^a-z0-9]+', '-', 'g'), 200));
BEGIN
    IF wanted = '' THEN
        wanted := 'listing-' || left(NEW.uuid::text, 8);
    END IF;
    IF EXISTS (SELECT FROM listings WHERE slug = wanted AND is_deleted = false AND id <> NEW.id) THEN
        wanted := wanted || '-' || NEW.id;
    END IF;
    NEW.slug := wanted;
    RETURN NEW;
END;
$$;

DROP TRIGGER trigger_generate_slug ON listings;
CREATE TRIGGER trigger_generate_slug
    BEFORE INSERT OR UPDATE OF slug, title ON listings
    FOR EACH ROW WHEN (NEW.slug IS NULL OR NEW.slug = '')
    EXECUTE FUNCTION generate_slug_from_title();
