-- name: by_ids
-- Images by id, as long as their listing is not deleted.
SELECT i.id, i.listing_id, i.url, i.storage_path, i.thumbnail_url, i.display_order, i.is_primary,
       i.width, i.height, i.file_size, i.mime_type, i.created_at, i.updated_at
FROM listing_images i JOIN listings l ON l.id = i.listing_id
WHERE i.id = ANY($1::bigint[]) AND l.is_deleted = false;

-- name: of_listing
-- The images of an undeleted listing: the primary first, then by their places, then the oldest.
SELECT i.id, i.listing_id, i.url, i.storage_path, i.thumbnail_url, i.display_order, i.is_primary,
       i.width, i.height, i.file_size, i.mime_type, i.created_at, i.updated_at
FROM listing_images i JOIN listings l ON l.id = i.listing_id
WHERE i.listing_id = $1 AND l.is_deleted = false
ORDER BY i.is_primary DESC, i.display_order, i.id;

-- name: clear_primary
-- Leaves a listing without a primary image. The listing is locked and this statement begins after that,
-- so a primary image that a concurrent call added is seen and cleared too.
UPDATE listing_images SET is_primary = false WHERE listing_id = $1 AND is_primary RETURNING id;

-- name: add
-- Adds an image to a locked listing.
INSERT INTO listing_images
    (listing_id, url, storage_path, thumbnail_url, display_order, is_primary, width, height, file_size, mime_type)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
RETURNING id, listing_id, url, storage_path, thumbnail_url, display_order, is_primary,
          width, height, file_size, mime_type, created_at, updated_at;

-- name: listing_of
-- Whose image it is.
SELECT listing_id FROM listing_images WHERE id = $1;

-- name: remove
-- Removes an image of a locked listing; nothing when another call was first.
DELETE FROM listing_images WHERE id = $1 RETURNING id;

-- name: place
-- Gives images of a locked listing their places; ids of other listings change nothing.
UPDATE listing_images AS i SET display_order = wanted.display_order
FROM unnest($2::bigint[], $3::int[]) AS wanted (id, display_order)
WHERE i.id = wanted.id AND i.listing_id = $1
RETURNING i.id;
