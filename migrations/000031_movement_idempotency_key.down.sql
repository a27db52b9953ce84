-- listings:no-transaction
-- Drops inventory_movements_idempotency_key.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS inventory_movements_idempotency_key;
