-- listings:no-transaction
-- Drops product_variants_one_default.
--
-- Locks: SHARE UPDATE EXCLUSIVE on product_variants; waits for running statements, blocks none.

DROP INDEX CONCURRENTLY IF EXISTS product_variants_one_default;
