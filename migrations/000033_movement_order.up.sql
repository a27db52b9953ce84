-- listings:no-transaction
-- listings:statement-timeout 2h
-- All movements of one order.
--
-- Why: history by order reads every type; the unique indexes on order_id each hold one type only.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_inventory_movements_order
    ON inventory_movements (order_id)
    WHERE order_id IS NOT NULL;
