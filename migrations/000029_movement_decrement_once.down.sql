-- listings:no-transaction
-- Drops inventory_movements_decrement_once.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS inventory_movements_decrement_once;
