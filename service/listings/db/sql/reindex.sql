-- name: finish
-- Marks queued work of these listings as done, whatever became of it so far. Rows are locked in the order
-- of listings, as every writer of the queue does.
WITH waiting AS (
    SELECT id, status AS status_before FROM indexing_queue
    WHERE listing_id = ANY($1::bigint[]) AND status <> 'completed'
    ORDER BY listing_id, id
    FOR UPDATE
)
UPDATE indexing_queue SET status = 'completed', processed_at = now()
FROM waiting
WHERE indexing_queue.id = waiting.id
RETURNING operation, waiting.status_before,
          extract(epoch FROM now() - indexing_queue.created_at)::float8 AS seconds;
