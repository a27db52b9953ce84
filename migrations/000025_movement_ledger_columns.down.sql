-- Drops the ledger columns and what they hold.
--
-- Locks: ACCESS EXCLUSIVE on inventory_movements for milliseconds.

ALTER TABLE inventory_movements
    DROP COLUMN idempotency_key,
    DROP COLUMN stock_after,
    DROP COLUMN stock_before,
    DROP COLUMN delta,
    DROP COLUMN order_id;
