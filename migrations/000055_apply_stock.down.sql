-- Drops the function that carries out stock changes.
--
-- Locks: drops a function only.
--
-- squawk-ignore-file ban-drop-function
-- Why excused: a way down is run by hand, with the service stopped.

DROP FUNCTION listings_apply_stock(
    text[], text[], text[], text[], bigint[], bigint[],
    int[], bigint[], bigint[], int[], text[], text[], boolean);
