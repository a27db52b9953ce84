-- name: enqueue
-- Asks for these listings to be indexed again (or removed from the index). A listing waits once, however
-- often it changes meanwhile: a second request replaces the operation of the first, so that a deletion is
-- never forgotten behind an update. A listing that is being indexed right now waits anew.
-- Rows are written in id order, the order in which every writer locks.
INSERT INTO indexing_queue (listing_id, operation)
SELECT DISTINCT id, $2 FROM unnest($1::bigint[]) AS changed (id) ORDER BY id
ON CONFLICT (listing_id) WHERE status = 'pending'
DO UPDATE SET operation = EXCLUDED.operation, updated_at = now();

-- name: purge_finished
-- Removes up to $2 rows whose work ended before $1. Rows that another process removes are skipped.
DELETE FROM indexing_queue WHERE id IN (
    SELECT id FROM indexing_queue
    WHERE status = 'completed' AND processed_at < $1
    ORDER BY processed_at LIMIT $2::int
    FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: purge_waiting
-- Removes up to $2 rows that nobody took since $1. Only for a service without a consumer: a fresh index
-- is built by walking the listings, not by replaying a queue from before it existed.
DELETE FROM indexing_queue WHERE id IN (
    SELECT id FROM indexing_queue
    WHERE status = 'pending' AND created_at < $1 AND updated_at < $1
    ORDER BY created_at LIMIT $2::int
    FOR UPDATE SKIP LOCKED
)
RETURNING id;
