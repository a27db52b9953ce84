-- Puts the earlier slug trigger back; slugs that were given stay.
--
-- Locks: ACCESS EXCLUSIVE on listings for milliseconds.

CREATE OR REPLACE FUNCTION generate_slug_from_title() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
BEGIN
    IF NEW.slug IS NOT NULL AND NEW.slug <> '' THEN
        RETURN NEW;
    END IF;
    wanted := regexp_replace(lower(NEW.title), '[^a-z0-9\s-]', '', 'g');
    wanted := trim(BOTH '-' FROM regexp_replace(wanted, '[\s-]+', '-', 'g'));
    IF EXISTS (SELECT FROM listings WHERE slug = wanted AND is_deleted = false AND id <> NEW.id) THEN
        wanted := wanted || '-' || coalesce(NEW.id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
    END IF;
    NEW.slug := left(wanted, 255);
    RETURN NEW;
END;
$$;

DROP TRIGGER trigger_generate_slug ON listings;
CREATE TRIGGER trigger_generate_slug
    BEFORE INSERT OR UPDATE ON listings
    FOR EACH ROW EXECUTE FUNCTION generate_slug_from_title();
