-- listings:no-transaction
-- listings:statement-timeout 2h
-- One decrement per order and item.
--
-- Why: a repeated DecrementStock must find what it did the first time, and two that race must collide. The item is
-- product and variant together, so two variants of one product fit into one order.
-- Conflict target: (order_id, listing_id, coalesce(variant_id, 0)) WHERE movement_type = 'decrement' AND order_id IS NOT NULL.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements while the index is built; reads and writes go on.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS inventory_movements_decrement_once
    ON inventory_movements (order_id, listing_id, coalesce(variant_id, 0))
    WHERE movement_type = 'decrement' AND order_id IS NOT NULL;
