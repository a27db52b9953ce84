-- Makes the two delete markers of a listing, is_deleted and deleted_at, one fact.
--
-- Why: writers that set only one of them left rows that half of all reads still showed. The trigger completes whatever
-- a writer sets, and runs only when a marker is written, so stock and view updates pay nothing; rows that
-- disagree today are completed as deleted; the rule (validated by the next file) keeps it so.
-- A read may therefore test is_deleted = false alone, which is what the partial indexes hold.
--
-- Locks: SHARE ROW EXCLUSIVE, then ACCESS EXCLUSIVE on listings, held while the rows that disagree are written.

CREATE FUNCTION listings_align_delete_markers() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.is_deleted AND NOT NEW.is_deleted THEN
        NEW.deleted_at := NULL;
    ELSIF TG_OP = 'UPDATE' AND OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN
        NEW.is_deleted := false;
    ELSIF NEW.is_deleted OR NEW.deleted_at IS NOT NULL THEN
        NEW.is_deleted := true;
        NEW.deleted_at := coalesce(NEW.deleted_at, CURRENT_TIMESTAMP);
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER listings_align_delete_markers_on_insert
    BEFORE INSERT ON listings
    FOR EACH ROW WHEN (NEW.is_deleted OR NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION listings_align_delete_markers();
CREATE TRIGGER listings_align_delete_markers_on_update
    BEFORE UPDATE OF is_deleted, deleted_at ON listings
    FOR EACH ROW EXECUTE FUNCTION listings_align_delete_markers();

UPDATE listings
SET is_deleted = true, deleted_at = coalesce(deleted_at, updated_at)
WHERE is_deleted <> (deleted_at IS NOT NULL);

ALTER TABLE listings ADD CONSTRAINT listings_delete_markers_check
    CHECK (is_deleted = (deleted_at IS NOT NULL)) NOT VALID;
