-- listings:no-transaction
-- listings:statement-timeout 2h
-- One rollback per order and item.
--
-- Why: stock is given back once however often, and however concurrently, a caller asks.
-- Conflict target: (order_id, listing_id, coalesce(variant_id, 0)) WHERE movement_type = 'rollback' AND order_id IS NOT NULL.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements while the index is built; reads and writes go on.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS inventory_movements_rollback_once
    ON inventory_movements (order_id, listing_id, coalesce(variant_id, 0))
    WHERE movement_type = 'rollback' AND order_id IS NOT NULL;
