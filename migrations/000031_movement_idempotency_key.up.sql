-- listings:no-transaction
-- listings:statement-timeout 2h
-- One movement per idempotency key and item.
--
-- Why: calls without an order carry a key of the caller. One call may move many items, so the item belongs to the rule.
-- Conflict target: (idempotency_key, listing_id, coalesce(variant_id, 0)) WHERE idempotency_key IS NOT NULL.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements while the index is built; reads and writes go on.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS inventory_movements_idempotency_key
    ON inventory_movements (idempotency_key, listing_id, coalesce(variant_id, 0))
    WHERE idempotency_key IS NOT NULL;
