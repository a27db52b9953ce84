-- name: add
-- Adds a favorite once, counts it on the listing and queues the listing, in one statement, so that the
-- count can not drift. The listing is locked first: its count and its deletion are serialized by that lock.
-- One row: whether the listing exists undeleted, and when the favorite was first added; no time when a
-- concurrent call added it after this statement began to look: asking again shows it.
WITH listing AS (
    SELECT id FROM listings WHERE id = $2 AND is_deleted = false FOR NO KEY UPDATE
), added AS (
    INSERT INTO listing_favorites (user_id, listing_id)
    SELECT $1::int, id FROM listing
    ON CONFLICT (user_id, listing_id) DO NOTHING
    RETURNING listing_id, created_at
), counted AS (
    UPDATE listings SET favorites_count = favorites_count + 1
    WHERE id IN (SELECT listing_id FROM added)
), queued AS (
    INSERT INTO indexing_queue (listing_id, operation)
    SELECT listing_id, 'update' FROM added
    ON CONFLICT (listing_id) WHERE status = 'pending'
    DO UPDATE SET operation = EXCLUDED.operation, updated_at = now()
)
SELECT EXISTS (SELECT 1 FROM listing) AS listing_exists,
       COALESCE((SELECT created_at FROM added),
                (SELECT created_at FROM listing_favorites WHERE user_id = $1 AND listing_id = $2)) AS created_at;

-- name: remove
-- Removes a favorite if it is there; the count never goes below zero. The listing row is locked before
-- the favorite, the order in which `add` locks. A deleted listing is not queued: its removal already is.
WITH listing AS (
    SELECT id, is_deleted FROM listings WHERE id = $2 FOR NO KEY UPDATE
), removed AS (
    DELETE FROM listing_favorites
    WHERE user_id = $1 AND listing_id = $2 AND (SELECT count(*) FROM listing) >= 0
    RETURNING listing_id
), counted AS (
    UPDATE listings SET favorites_count = GREATEST(favorites_count - 1, 0)
    WHERE id IN (SELECT listing_id FROM removed)
), queued AS (
    INSERT INTO indexing_queue (listing_id, operation)
    SELECT id, 'update' FROM listing WHERE is_deleted = false AND id IN (SELECT listing_id FROM removed)
    ON CONFLICT (listing_id) WHERE status = 'pending'
    DO UPDATE SET operation = EXCLUDED.operation, updated_at = now()
)
SELECT EXISTS (SELECT 1 FROM removed) AS was_there;

-- name: of_user
-- One page of a user's favorites, newest first, ties by listing; with the count of all of them. Favorites
-- of deleted listings are kept, but neither shown nor counted.
SELECT page.listing_id, page.created_at,
       (SELECT count(*) FROM listing_favorites f JOIN listings l ON l.id = f.listing_id
        WHERE f.user_id = $1 AND l.is_deleted = false)::int AS total
FROM (SELECT 1) AS always
LEFT JOIN LATERAL (
    SELECT f.listing_id, COALESCE(f.created_at, 'epoch') AS created_at
    FROM listing_favorites f JOIN listings l ON l.id = f.listing_id
    WHERE f.user_id = $1 AND l.is_deleted = false
      AND ($4::timestamp IS NULL OR (COALESCE(f.created_at, 'epoch'), f.listing_id) < ($4::timestamp, $5::bigint))
    ORDER BY COALESCE(f.created_at, 'epoch') DESC, f.listing_id DESC
    LIMIT $2::int OFFSET $3::int
) AS page ON true;

-- name: users_of
-- Who keeps an undeleted listing, ascending.
SELECT f.user_id
FROM listing_favorites f JOIN listings l ON l.id = f.listing_id
WHERE f.listing_id = $1 AND l.is_deleted = false
ORDER BY f.user_id;

-- name: among
-- Which of the asked (user, listing) pairs exist: many concurrent questions, one query.
SELECT f.user_id, f.listing_id
FROM unnest($1::int[], $2::int[]) AS asked (user_id, listing_id)
JOIN listing_favorites f USING (user_id, listing_id)
JOIN listings l ON l.id = f.listing_id
WHERE l.is_deleted = false;
