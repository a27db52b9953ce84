-- Drops the ledger columns and what they hold.
--
-- Locks: ACCESS EXCLUSIVE on inventory_movements for milliseconds.
--
-- squawk-ignore-file ban-drop-column
-- Why excused: a way down removes what the way up added.

ALTER TABLE inventory_movements
    DROP COLUMN idempotency_key,
    DROP COLUMN stock_after,
    DROP COLUMN stock_before,
    DROP COLUMN delta,
    DROP COLUMN order_id;
