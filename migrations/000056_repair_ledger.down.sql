-- Drops the function that repairs the ledger.
--
-- Locks: drops a function only.
--
-- squawk-ignore-file ban-drop-function
-- Why excused: a way down is run by hand, with the service stopped.

DROP FUNCTION listings_repair_ledger(bigint[], bigint[]);
