-- listings:no-transaction
-- listings:statement-timeout 2h
-- Storefronts by position, as a bounding box finds them.
--
-- Why: a taken-over database has this as an earthdistance index, which needs two extensions; the next file drops that one.
--
-- Locks: SHARE UPDATE EXCLUSIVE on storefronts while the index is built; reads and writes go on.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_storefronts_coordinates
    ON storefronts (latitude, longitude)
    WHERE latitude IS NOT NULL AND longitude IS NOT NULL;
