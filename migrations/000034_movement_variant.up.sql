-- listings:no-transaction
-- listings:statement-timeout 2h
-- History of one variant when the caller does not name its product.
--
-- Why: lookups by variant; rows of products without variants cost nothing.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_inventory_movements_variant
    ON inventory_movements (variant_id, id)
    WHERE variant_id IS NOT NULL;
