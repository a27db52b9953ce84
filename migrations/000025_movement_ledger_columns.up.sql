-- Turns inventory_movements into a ledger that can be summed, replayed and kept.
--
-- Columns:
--   delta            what the movement did to the stock, signed; the sum of an item's deltas is its stock
--   stock_before     stock on hand before the movement
--   stock_after      stock on hand after it; stock_before + delta by constraint
--   order_id         the order a decrement or rollback belongs to
--   idempotency_key  the caller's key of a movement that has no order
-- quantity stays what clients know: the unsigned number they sent, for an adjustment the new absolute value.
-- Rows written before this file have none of these, hence all of them are nullable.
--
-- A column that already exists (a database that kept order_id) is kept as it is.
--
-- Locks: ACCESS EXCLUSIVE on inventory_movements for milliseconds; no default, so no row is rewritten.

ALTER TABLE inventory_movements ADD COLUMN IF NOT EXISTS order_id varchar(255);
ALTER TABLE inventory_movements ADD COLUMN IF NOT EXISTS delta integer;
ALTER TABLE inventory_movements ADD COLUMN IF NOT EXISTS stock_before integer;
ALTER TABLE inventory_movements ADD COLUMN IF NOT EXISTS stock_after integer;
ALTER TABLE inventory_movements ADD COLUMN IF NOT EXISTS idempotency_key varchar(255);
