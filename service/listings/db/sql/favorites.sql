-- name: add
-- Adds a favorite once and counts it on the listing in the same statement, so that the count can
-- not drift. The listing is locked first: its count and its deletion are serialized by that lock.
-- One row: whether the listing exists undeleted, and when the favorite was first added.
WITH listing AS (
    SELECT id FROM listings WHERE id = $2 AND NOT is_deleted AND deleted_at IS NULL FOR NO KEY UPDATE
), added AS (
    INSERT INTO listing_favorites (user_id, listing_id)
    SELECT $1::int, id FROM listing
    ON CONFLICT (user_id, listing_id) DO NOTHING
    RETURNING created_at
), counted AS (
    UPDATE listings SET favorites_count = favorites_count + 1
    WHERE id = $2 AND EXISTS (SELECT 1 FROM added)
)
SELECT EXISTS (SELECT 1 FROM listing) AS listing_exists,
       EXISTS (SELECT 1 FROM added) AS is_new,
       COALESCE((SELECT created_at FROM added),
                (SELECT created_at FROM listing_favorites WHERE user_id = $1 AND listing_id = $2)) AS created_at;

-- name: remove
-- Removes a favorite if it is there; the count never goes below zero. The listing row is locked
-- before the favorite, the order in which `add` locks.
WITH listing AS (
    SELECT id FROM listings WHERE id = $2 FOR NO KEY UPDATE
), removed AS (
    DELETE FROM listing_favorites
    WHERE user_id = $1 AND listing_id = $2 AND (SELECT count(*) FROM listing) >= 0
    RETURNING listing_id
), counted AS (
    UPDATE listings SET favorites_count = GREATEST(favorites_count - 1, 0)
    WHERE id IN (SELECT listing_id FROM removed)
)
SELECT EXISTS (SELECT 1 FROM removed) AS was_there;

-- name: of_user
-- One page of a user's favorites, newest first, ties by listing; with the count of all of them.
SELECT page.listing_id, page.created_at,
       (SELECT count(*) FROM listing_favorites WHERE user_id = $1)::int AS total
FROM (SELECT 1) AS always
LEFT JOIN LATERAL (
    SELECT listing_id, created_at
    FROM listing_favorites
    WHERE user_id = $1
      AND ($4::timestamp IS NULL OR (created_at, listing_id) < ($4::timestamp, $5::int))
    ORDER BY created_at DESC, listing_id DESC
    LIMIT $2::int OFFSET $3::int
) AS page ON true;

-- name: users_of
-- Who keeps a listing, ascending.
SELECT user_id FROM listing_favorites WHERE listing_id = $1 ORDER BY user_id;

-- name: among
-- Which of the asked (user, listing) pairs exist: many concurrent questions, one query.
SELECT f.user_id, f.listing_id
FROM unnest($1::int[], $2::int[]) AS asked (user_id, listing_id)
JOIN listing_favorites f USING (user_id, listing_id);
