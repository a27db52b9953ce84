-- listings:no-transaction
-- Drops idx_inventory_movements_variant.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS idx_inventory_movements_variant;
