-- Creates the function that makes a ledger add up again.
--
--   listings_repair_ledger(products, variants)   items by product and variant (0: the product's own stock)
--     Writes one `repair` movement for each item whose stock is not the sum of its deltas; stock stays as it is. Answers
--     what it wrote: the stock on hand and the sum before the repair.
--
-- Why a function: the sums must be read by a statement that begins after the rows are locked. Locked are the rows that
-- listings_apply_stock locks, in its order.
--
-- Locks: creates a function only.

CREATE FUNCTION listings_repair_ledger(products bigint[], variants bigint[])
    RETURNS TABLE (product_id bigint, variant_id bigint, on_hand int, ledger_sum bigint)
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM listings WHERE id = ANY (products) AND source_type = 'b2c' ORDER BY id FOR NO KEY UPDATE;
    PERFORM FROM product_variants AS v WHERE v.id = ANY (variants) AND v.product_id = ANY (products)
    ORDER BY v.product_id, v.id FOR NO KEY UPDATE;

    RETURN QUERY
    WITH drifting AS MATERIALIZED (
        SELECT item.product, nullif(item.variant, 0) AS variant, item.stock, item.total
        FROM (
            SELECT asked.product, asked.variant,
                CASE WHEN asked.variant = 0 THEN l.quantity ELSE v.stock_quantity END AS stock,
                (
                    SELECT coalesce(sum(m.delta), 0) FROM inventory_movements AS m
                    WHERE m.listing_id = asked.product AND coalesce(m.variant_id, 0) = asked.variant
                ) AS total
            FROM (SELECT DISTINCT * FROM unnest(products, variants)) AS asked (product, variant)
            JOIN listings AS l ON l.id = asked.product AND l.source_type = 'b2c'
            LEFT JOIN product_variants AS v ON v.id = asked.variant AND v.product_id = asked.product
            WHERE asked.variant = 0 OR v.id IS NOT NULL
        ) AS item
        WHERE item.stock <> item.total
    ), written AS (
        INSERT INTO inventory_movements
            (listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after,
             reason, user_id, created_at)
        SELECT product, variant, 'repair', abs(stock - total), stock - total, total, stock,
            'ledger_repair', 0, clock_timestamp()
        FROM drifting
        ORDER BY product, variant
    )
    SELECT product, variant, stock, total FROM drifting ORDER BY product, variant;
END;
$$;
