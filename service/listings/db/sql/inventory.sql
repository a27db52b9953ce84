-- name: record
-- Writes ledger lines in the order given, inside the transaction that changed the stock.
INSERT INTO inventory_movements
    (listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after, reason, notes, user_id)
SELECT listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after, reason, notes, user_id
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[],
            $8::text[], $9::text[], $10::bigint[]) WITH ORDINALITY
    AS line (listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after,
             reason, notes, user_id, position)
ORDER BY position
RETURNING id;
