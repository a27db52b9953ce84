-- listings:no-transaction
-- listings:statement-timeout 2h
-- Movements a person made.
--
-- Why: movements of the system itself carry user 0. The earlier index on user_id held them all under that one key,
-- which cost every order an entry nobody looks up; a later file drops it.
--
-- Locks: SHARE UPDATE EXCLUSIVE on inventory_movements while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_inventory_movements_actor
    ON inventory_movements (user_id, id)
    WHERE user_id > 0;
