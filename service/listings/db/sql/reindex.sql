-- name: finish
-- Marks queued work of these listings as done, whatever became of it so far. Rows are locked in the order
-- of listings, as every writer of the queue does.
WITH waiting AS (
    SELECT id FROM indexing_queue
    WHERE listing_id = ANY($1::bigint[]) AND status <> 'completed'
    ORDER BY listing_id, id
    FOR UPDATE
)
UPDATE indexing_queue SET status = 'completed', processed_at = now()
WHERE id IN (SELECT id FROM waiting)
RETURNING id;
