-- Renames the catalog tables to the names the service uses, whichever shape the database has.
--
-- Why: databases differ in how far an earlier rename got. A table is renamed only where the old name exists and the
-- new one does not; indexes, constraints and sequences keep their names and keep working. Where no variants table
-- exists under either name it is created, with the constraint names it has everywhere else.
-- Two rules that later files turn into unique indexes are checked here first, so that a database that breaks them is
-- reported in full and left exactly as it was.
--
-- Locks: ACCESS EXCLUSIVE on the renamed tables for milliseconds (catalog change only); the checks read listings and
-- the variants table once.

DO $$
DECLARE
    variants_table text := coalesce(to_regclass('product_variants'), to_regclass('b2c_product_variants'))::text;
    report text;
    filled boolean;
BEGIN
    SELECT string_agg(format('storefront %s, sku %L: products %s', storefront_id, sku, ids), '; ')
    INTO report
    FROM (
        SELECT storefront_id, sku, string_agg(id::text, ', ' ORDER BY id) AS ids
        FROM listings
        WHERE source_type = 'b2c' AND sku <> '' AND storefront_id IS NOT NULL
            AND is_deleted = false AND deleted_at IS NULL
        GROUP BY storefront_id, sku
        HAVING count(*) > 1
        ORDER BY storefront_id, sku
    ) AS duplicates;
    IF report IS NOT NULL THEN
        RAISE EXCEPTION 'products share a sku within one storefront: %', report
            USING ERRCODE = 'unique_violation',
                HINT = 'Give all but one product of each group another sku (or none), then run the migration again. '
                    'Nothing has been changed.';
    END IF;

    IF variants_table IS NOT NULL THEN
        EXECUTE format($query$
            SELECT string_agg(format('product %%s: variants %%s', product_id, ids), '; ')
            FROM (
                SELECT product_id, string_agg(id::text, ', ' ORDER BY id) AS ids
                FROM %s WHERE is_default GROUP BY product_id HAVING count(*) > 1 ORDER BY product_id
            ) AS duplicates
            $query$, variants_table)
        INTO report;
        IF report IS NOT NULL THEN
            RAISE EXCEPTION 'products have more than one default variant: %', report
                USING ERRCODE = 'unique_violation',
                    HINT = 'Keep is_default on one variant of each product, then run the migration again. '
                        'Nothing has been changed.';
        END IF;
    END IF;

    IF to_regclass('variants') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM variants)' INTO filled;
        IF filled AND variants_table IS NULL THEN
            RAISE EXCEPTION 'a table named variants holds rows and no product variants table exists'
                USING HINT = 'If these are the product variants: ALTER TABLE variants RENAME TO product_variants, '
                    'compare its columns with this file, then run the migration again. Nothing has been changed.';
        ELSIF filled THEN
            RAISE WARNING 'a table named variants holds rows; it is left alone, % is the one in use', variants_table;
        END IF;
    END IF;
END;
$$;

DO $$
DECLARE
    old_name text;
    new_name text;
BEGIN
    FOR old_name, new_name IN
        VALUES ('c2c_categories', 'categories'),
            ('c2c_favorites', 'listing_favorites'),
            ('b2c_product_variants', 'product_variants')
    LOOP
        IF to_regclass(old_name) IS NOT NULL AND to_regclass(new_name) IS NULL THEN
            EXECUTE format('ALTER TABLE %I RENAME TO %I', old_name, new_name);
        END IF;
    END LOOP;
END;
$$;

DO $$
BEGIN
    IF to_regclass('product_variants') IS NOT NULL THEN
        RETURN;
    END IF;
    CREATE SEQUENCE b2c_product_variants_id_seq AS integer;
    CREATE TABLE product_variants (
        id                  integer NOT NULL DEFAULT nextval('b2c_product_variants_id_seq'),
        product_id          integer NOT NULL,
        sku                 varchar(100),
        barcode             varchar(100),
        price               numeric(15,2),
        compare_at_price    numeric(15,2),
        cost_price          numeric(15,2),
        stock_quantity      integer NOT NULL DEFAULT 0,
        stock_status        varchar(20) NOT NULL DEFAULT 'in_stock',
        low_stock_threshold integer DEFAULT 5,
        variant_attributes  jsonb NOT NULL DEFAULT '{}'::jsonb,
        weight              numeric(10,3),
        dimensions          jsonb,
        is_active           boolean NOT NULL DEFAULT true,
        is_default          boolean NOT NULL DEFAULT false,
        view_count          integer NOT NULL DEFAULT 0,
        sold_count          integer NOT NULL DEFAULT 0,
        created_at          timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
        updated_at          timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
        CONSTRAINT b2c_product_variants_pkey PRIMARY KEY (id),
        CONSTRAINT b2c_product_variants_sku_unique UNIQUE (sku),
        CONSTRAINT b2c_product_variants_compare_at_price_check CHECK (compare_at_price IS NULL OR compare_at_price >= 0),
        CONSTRAINT b2c_product_variants_cost_price_check CHECK (cost_price IS NULL OR cost_price >= 0),
        CONSTRAINT b2c_product_variants_price_check CHECK (price IS NULL OR price >= 0),
        CONSTRAINT b2c_product_variants_stock_quantity_check CHECK (stock_quantity >= 0),
        CONSTRAINT b2c_product_variants_stock_status_check
            CHECK (stock_status IN ('in_stock', 'low_stock', 'out_of_stock')),
        CONSTRAINT fk_b2c_product_variants_product_id
            FOREIGN KEY (product_id) REFERENCES listings(id) ON UPDATE CASCADE ON DELETE CASCADE
    );
    ALTER SEQUENCE b2c_product_variants_id_seq OWNED BY product_variants.id;
    CREATE INDEX idx_b2c_product_variants_is_active ON product_variants (is_active);
    CREATE INDEX idx_b2c_product_variants_product_id ON product_variants (product_id);
    CREATE INDEX idx_b2c_product_variants_stock_status ON product_variants (stock_status);
END;
$$;
