-- listings:no-transaction
-- listings:statement-timeout 2h
-- History and ledger sums of one product or variant, in order of writing.
--
-- Why: serves the history pages and the proof that deltas add up; takes the place of the index on listing_id alone.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_inventory_movements_item
    ON inventory_movements (listing_id, variant_id, id);
