-- listings:no-transaction
-- listings:statement-timeout 2h
-- One default variant per product.
--
-- Why: two defaults make the price that a product shows a matter of luck. Clear the old default before setting the new.
--
-- Locks: SHARE UPDATE EXCLUSIVE on product_variants while the index is built; reads and writes go on.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS product_variants_one_default
    ON product_variants (product_id)
    WHERE is_default;
