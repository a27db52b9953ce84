-- Creates the function that carries out a batch of stock changes: orders taken and given back, and counted movements.
--
--   listings_apply_stock(requests..., lines..., refuse_unseen)
--     A request is an index into kinds, order_ids, keys, digests, storefronts and users (NULL where it has none); its kind
--     is decrement, rollback, in, out or adjustment. A line is an index into line_*: the request it belongs to (from 1),
--     what it moves (variant 0: the product's own stock) and how much. Answers one row per request and item.
--
-- What it promises, whoever calls it:
--   * requests are decided one after the other in the order given; a decrement takes all of its lines or none, every
--     other kind decides line by line
--   * lines of one request that name the same item are summed before anything is compared
--   * stock never goes below zero or beyond what an integer holds
--   * an order line is taken once and given back once; a key counts once (unique indexes stand behind all three)
--   * each change has its movement, and each changed product a row in the indexing queue
--   * rows are locked in one order, products by id and then variants by (product, id), before anything is read, so that
--     two batches never wait for each other in a circle; the deletion of a product locks in the same order
--
-- Why a function: deciding needs to see locked rows, and a trip between locking and writing would hold the locks for
-- that long. One statement, one trip, one commit for a whole batch of orders.
-- Why planner settings and OFFSET 0: every access is by one key. The statistics of a table that was empty a minute ago
-- must not talk the planner into reading all of it, or into another index.
--
-- Locks: creates a function only.

CREATE FUNCTION listings_apply_stock(
    kinds text[], order_ids text[], keys text[], digests text[], storefronts bigint[], users bigint[],
    line_requests int[], line_products bigint[], line_variants bigint[], line_quantities int[],
    line_reasons text[], line_notes text[],
    refuse_unseen boolean
) RETURNS TABLE (
    request int, product_id bigint, variant_id bigint,
    outcome text, stock_before int, stock_after int, known int
)
    LANGUAGE plpgsql
    SET plan_cache_mode = force_generic_plan
    SET jit = off
    SET enable_seqscan = off
    AS $$
#variable_conflict use_column
DECLARE
    -- One element per request and item, in the order of decision.
    requests   int[];
    products   bigint[];
    variants   bigint[];
    quantities bigint[];
    reasons    text[];
    notes      text[];
    absences   text[];     -- what is missing, for all kinds but a rollback
    gone       text[];     -- what is missing, for a rollback: deleted products get their stock back too
    key_digest text[];     -- the digest of the request that used the key
    first_before int[];    -- what the first use of the key did to this item
    first_after  int[];
    outcomes   text[];
    befores    int[];
    afters     int[];
    knowns     int[];
    deltas     int[];
    sales      int[];
    unseens    boolean[];
    -- State shared by items of several requests: kept at the first of them, which slots and claims point to.
    slots      int[];      -- the first element that names the same item
    claims     int[];      -- the first element of the same order and item
    stock      bigint[];   -- at slots
    taken      int[];      -- at claims
    taken_before int[];
    taken_after  int[];
    given      int[];
    taken_orders text[] := '{}';
    moment     timestamptz;
    i int; j int; last int; slot int; claim int;
    kind text; order_id text; fresh int; replays int;
    wanted bigint;
BEGIN
    IF EXISTS (
        SELECT FROM unnest(line_requests, line_quantities) AS line (request, quantity)
        WHERE line.quantity < 0 OR (line.quantity = 0 AND kinds[line.request] <> 'adjustment')
            OR kinds[line.request] IS NULL
            OR (kinds[line.request] = 'rollback' AND order_ids[line.request] IS NULL)
    ) THEN
        RAISE check_violation USING MESSAGE = 'a line without a request or with an impossible quantity',
            CONSTRAINT = 'listings_apply_stock_lines';
    END IF;

    IF cardinality(array_remove(keys, NULL)) > 0 THEN
        IF (SELECT count(key) <> count(DISTINCT key) FROM unnest(keys) AS given_keys (key)) THEN
            RAISE unique_violation USING MESSAGE = 'a key twice in one batch: apply its requests one by one',
                CONSTRAINT = 'inventory_movements_idempotency_key';
        END IF;
        -- A key may be reused, wrongly, for other items: their rows would not make the two wait for each other.
        PERFORM pg_advisory_xact_lock(lock)
        FROM (
            SELECT hashtextextended(key, 55) AS lock FROM unnest(keys) AS given_keys (key)
            WHERE key IS NOT NULL ORDER BY 1
        ) AS locks;
    END IF;

    PERFORM FROM listings WHERE id = ANY (line_products) AND source_type = 'b2c' ORDER BY id FOR NO KEY UPDATE;
    IF 0 < ANY (line_variants) THEN
        PERFORM FROM product_variants AS v WHERE v.id = ANY (line_variants) AND v.product_id = ANY (line_products)
        ORDER BY v.product_id, v.id FOR NO KEY UPDATE;
    END IF;

    -- A new statement sees what was committed while the locks were waited for.
    WITH item AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY line.request, min(line.position)) AS number,
            line.request, line.product, line.variant, sum(line.quantity) AS quantity,
            min(line.reason) AS reason, min(line.note) AS notes,
            order_ids[line.request] COLLATE "C" AS order_id, keys[line.request] COLLATE "C" AS key
        FROM unnest(line_requests, line_products, line_variants, line_quantities, line_reasons, line_notes)
            WITH ORDINALITY AS line (request, product, variant, quantity, reason, note, position)
        GROUP BY line.request, line.product, line.variant
    ), earlier AS MATERIALIZED (
        SELECT asked.order_id, m.*
        FROM (SELECT DISTINCT order_id FROM item WHERE order_id IS NOT NULL) AS asked
        CROSS JOIN LATERAL (
            SELECT listing_id AS product, coalesce(variant_id, 0) AS variant, movement_type, quantity,
                stock_before, stock_after
            FROM inventory_movements WHERE order_id = asked.order_id COLLATE "default" OFFSET 0
        ) AS m
    ), used AS MATERIALIZED (
        SELECT asked.key, m.*
        FROM (SELECT DISTINCT key FROM item WHERE key IS NOT NULL) AS asked
        CROSS JOIN LATERAL (
            SELECT listing_id AS product, coalesce(variant_id, 0) AS variant, stock_before, stock_after,
                coalesce(metadata ->> 'request', '') AS digest
            FROM inventory_movements WHERE idempotency_key = asked.key COLLATE "default" OFFSET 0
        ) AS m
    )
    SELECT array_agg(n.request), array_agg(n.product), array_agg(n.variant), array_agg(n.quantity),
        array_agg(n.reason), array_agg(n.notes), array_agg(n.slot), array_agg(n.claim),
        array_agg(n.stock), array_agg(n.absence), array_agg(n.gone),
        array_agg(n.taken), array_agg(n.taken_before), array_agg(n.taken_after), array_agg(n.given),
        array_agg(n.key_digest), array_agg(n.first_before), array_agg(n.first_after),
        array_agg(NULL::text), array_agg(NULL::int), array_agg(false)
    INTO requests, products, variants, quantities, reasons, notes, slots, claims,
        stock, absences, gone, taken, taken_before, taken_after, given,
        key_digest, first_before, first_after, outcomes, befores, unseens
    FROM (
        SELECT item.*,
            (min(item.number) OVER (PARTITION BY item.product, item.variant))::int AS slot,
            (min(item.number) OVER (PARTITION BY item.product, item.variant, item.order_id))::int AS claim,
            CASE WHEN item.variant = 0 THEN l.quantity ELSE v.stock_quantity END AS stock,
            CASE WHEN l.id IS NULL THEN 'product_not_found'
                WHEN item.variant > 0 AND v.id IS NULL THEN 'variant_not_found' END AS gone,
            CASE WHEN l.id IS NULL OR l.deleted OR l.storefront_id <> storefronts[item.request]
                    OR (l.storefront_id IS NULL AND storefronts[item.request] IS NOT NULL) THEN 'product_not_found'
                WHEN item.variant > 0 AND v.id IS NULL THEN 'variant_not_found' END AS absence,
            take.quantity AS taken, take.stock_before AS taken_before, take.stock_after AS taken_after,
            give.quantity AS given,
            (SELECT used.digest FROM used WHERE used.key = item.key LIMIT 1) AS key_digest,
            did.stock_before AS first_before, did.stock_after AS first_after
        FROM item
        LEFT JOIN LATERAL (
            SELECT id, quantity, storefront_id, is_deleted OR deleted_at IS NOT NULL AS deleted
            FROM listings WHERE id = item.product AND source_type = 'b2c' OFFSET 0
        ) AS l ON true
        LEFT JOIN LATERAL (
            SELECT id, product_id, stock_quantity FROM product_variants WHERE id = item.variant OFFSET 0
        ) AS v ON item.variant > 0 AND v.product_id = l.id
        LEFT JOIN earlier AS take ON take.order_id = item.order_id AND take.product = item.product
            AND take.variant = item.variant AND take.movement_type = 'decrement'
        LEFT JOIN earlier AS give ON give.order_id = item.order_id AND give.product = item.product
            AND give.variant = item.variant AND give.movement_type = 'rollback'
        LEFT JOIN used AS did ON did.key = item.key AND did.product = item.product AND did.variant = item.variant
        ORDER BY item.number
    ) AS n;
    afters := befores;
    knowns := befores;
    deltas := befores;
    sales := befores;

    i := 1;
    WHILE i <= cardinality(requests) LOOP
        kind := kinds[requests[i]];
        order_id := order_ids[requests[i]];
        IF kind = 'decrement' THEN
            last := i;
            WHILE requests[last + 1] = requests[i] LOOP
                last := last + 1;
            END LOOP;
            fresh := 0;
            replays := 0;
            FOR j IN i..last LOOP
                slot := slots[j];
                claim := claims[j];
                befores[j] := coalesce(stock[slot], 0);
                afters[j] := befores[j];
                IF order_id IS NOT NULL AND given[claim] IS NOT NULL THEN
                    outcomes[j] := 'given_back';
                    knowns[j] := given[claim];
                ELSIF order_id IS NOT NULL AND taken[claim] IS NOT NULL THEN
                    knowns[j] := taken[claim];
                    IF taken[claim] = quantities[j] THEN
                        outcomes[j] := 'taken_before';
                        replays := replays + 1;
                    ELSE
                        outcomes[j] := 'taken_otherwise';
                    END IF;
                ELSIF absences[j] IS NOT NULL THEN
                    outcomes[j] := absences[j];
                ELSIF stock[slot] < quantities[j] THEN
                    outcomes[j] := 'short';
                ELSE
                    outcomes[j] := 'refused'; -- unless every line can be taken
                    fresh := fresh + 1;
                END IF;
            END LOOP;
            IF replays = last - i + 1 THEN
                FOR j IN i..last LOOP
                    outcomes[j] := 'replayed';
                    befores[j] := taken_before[claims[j]];
                    afters[j] := taken_after[claims[j]];
                END LOOP;
            ELSIF fresh = last - i + 1 THEN
                FOR j IN i..last LOOP
                    slot := slots[j];
                    claim := claims[j];
                    outcomes[j] := 'done';
                    deltas[j] := -quantities[j];
                    sales[j] := quantities[j];
                    stock[slot] := stock[slot] - quantities[j];
                    afters[j] := stock[slot];
                    IF order_id IS NOT NULL THEN
                        taken[claim] := quantities[j];
                        taken_before[claim] := befores[j];
                        taken_after[claim] := afters[j];
                    END IF;
                END LOOP;
                IF order_id IS NOT NULL THEN
                    taken_orders := taken_orders || order_id;
                END IF;
            END IF;
            i := last + 1;
            CONTINUE;
        END IF;

        slot := slots[i];
        claim := claims[i];
        befores[i] := coalesce(stock[slot], 0);
        afters[i] := befores[i];
        IF kind = 'rollback' THEN
            wanted := stock[slot] + quantities[i];
            IF given[claim] IS NOT NULL THEN
                outcomes[i] := 'replayed';
                knowns[i] := given[claim];
            ELSIF gone[i] IS NOT NULL THEN
                outcomes[i] := gone[i];
            ELSIF taken[claim] < quantities[i] THEN
                outcomes[i] := 'more_than_taken';
                knowns[i] := taken[claim];
            ELSIF taken[claim] IS NULL AND (order_id = ANY (taken_orders) OR EXISTS (
                SELECT FROM inventory_movements AS m WHERE m.order_id = order_ids[requests[i]] AND m.movement_type = 'decrement'
            )) THEN
                outcomes[i] := 'more_than_taken';
                knowns[i] := 0;
            ELSIF taken[claim] IS NULL AND refuse_unseen THEN
                outcomes[i] := 'unseen';
            ELSIF wanted > 2147483647 THEN
                outcomes[i] := 'too_much';
            ELSE
                outcomes[i] := 'done';
                IF taken[claim] IS NULL THEN
                    unseens[i] := true;
                    knowns[i] := 0;
                END IF;
                given[claim] := quantities[i];
                sales[i] := -quantities[i];
            END IF;
        ELSE
            wanted := CASE kind
                WHEN 'in' THEN stock[slot] + quantities[i]
                WHEN 'out' THEN stock[slot] - quantities[i]
                ELSE quantities[i] END;
            IF key_digest[i] <> digests[requests[i]] THEN
                outcomes[i] := 'key_reused';
            ELSIF first_after[i] IS NOT NULL THEN
                outcomes[i] := 'replayed';
                befores[i] := first_before[i];
                afters[i] := first_after[i];
            ELSIF key_digest[i] IS NOT NULL THEN
                outcomes[i] := 'not_found_before';
            ELSIF absences[i] IS NOT NULL THEN
                outcomes[i] := absences[i];
            ELSIF wanted < 0 THEN
                outcomes[i] := 'short';
            ELSIF wanted > 2147483647 THEN
                outcomes[i] := 'too_much';
            ELSE
                outcomes[i] := 'done';
            END IF;
        END IF;
        IF outcomes[i] = 'done' THEN
            deltas[i] := wanted - stock[slot];
            stock[slot] := wanted;
            afters[i] := wanted;
        END IF;
        i := i + 1;
    END LOOP;

    IF 'done' = ANY (outcomes) THEN
        UPDATE listings AS l
        SET quantity = coalesce(changed.quantity, l.quantity),
            sold_count = least(greatest(l.sold_count + changed.sold, 0), 2147483647),
            stock_status = CASE
                WHEN l.stock_status = 'discontinued' THEN l.stock_status
                WHEN coalesce(changed.quantity, l.quantity) = 0 THEN 'out_of_stock'
                WHEN coalesce(changed.quantity, l.quantity) <= 10 THEN 'low_stock'
                ELSE 'in_stock' END
        FROM (
            SELECT item.product, coalesce(sum(item.sold), 0) AS sold,
                max(item.stock) FILTER (WHERE item.variant = 0 AND item.slot = item.number) AS quantity
            FROM unnest(products, variants, slots, stock, sales) WITH ORDINALITY
                AS item (product, variant, slot, stock, sold, number)
            GROUP BY item.product
            HAVING bool_or(outcomes[item.number] = 'done' AND (item.variant = 0 OR item.sold IS NOT NULL))
        ) AS changed
        WHERE l.id = changed.product;

        IF 0 < ANY (variants) THEN
            UPDATE product_variants AS v
            SET stock_quantity = changed.quantity,
                sold_count = least(greatest(v.sold_count + changed.sold, 0), 2147483647),
                stock_status = CASE
                    WHEN changed.quantity = 0 THEN 'out_of_stock'
                    WHEN changed.quantity <= coalesce(v.low_stock_threshold, 5) THEN 'low_stock'
                    ELSE 'in_stock' END,
                updated_at = CURRENT_TIMESTAMP
            FROM (
                SELECT item.variant, coalesce(sum(item.sold), 0) AS sold,
                    max(item.stock) FILTER (WHERE item.slot = item.number) AS quantity
                FROM unnest(products, variants, slots, stock, sales) WITH ORDINALITY
                    AS item (product, variant, slot, stock, sold, number)
                WHERE item.variant > 0
                GROUP BY item.variant, item.slot
                HAVING bool_or(outcomes[item.number] = 'done')
            ) AS changed
            WHERE v.id = changed.variant;
        END IF;

        -- Taken under the locks: within an item, later movements have later times.
        moment := clock_timestamp();
        INSERT INTO inventory_movements
            (listing_id, variant_id, movement_type, quantity, delta, stock_before, stock_after,
             reason, notes, user_id, order_id, idempotency_key, created_at, metadata)
        SELECT item.product, nullif(item.variant, 0), kinds[item.request], item.quantity, item.delta,
            item.stock_before, item.stock_after, item.reason, item.note, users[item.request],
            order_ids[item.request], keys[item.request], moment,
            CASE WHEN item.unseen THEN '{"unseen": true}'::jsonb
                WHEN keys[item.request] IS NOT NULL THEN jsonb_build_object('request', digests[item.request]) END
        FROM unnest(requests, products, variants, quantities, reasons, notes, outcomes, befores, afters, deltas, unseens)
            WITH ORDINALITY AS item (request, product, variant, quantity, reason, note, outcome,
                stock_before, stock_after, delta, unseen, number)
        WHERE item.outcome = 'done'
        ORDER BY item.number;

        -- A row that is waiting already says all there is to say; locking it keeps the worker from reading the
        -- product before this commits.
        INSERT INTO indexing_queue AS waiting (listing_id, operation)
        SELECT DISTINCT item.product, 'update'
        FROM unnest(products, outcomes) AS item (product, outcome)
        WHERE item.outcome = 'done'
        ORDER BY item.product
        ON CONFLICT (listing_id) WHERE status = 'pending' DO UPDATE SET operation = waiting.operation WHERE false;
    END IF;

    RETURN QUERY
    SELECT item.request, item.product, item.variant, item.outcome, item.stock_before, item.stock_after, item.known
    FROM unnest(requests, products, variants, outcomes, befores, afters, knowns) WITH ORDINALITY
        AS item (request, product, variant, outcome, stock_before, stock_after, known, number)
    ORDER BY item.number;
END;
$$;
