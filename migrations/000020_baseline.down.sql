-- Removes the whole schema, and refuses while any of its tables holds a row: nothing below version 20 exists
-- that could take the rows, so a drop would simply lose them.
--
-- Locks: ACCESS EXCLUSIVE on every table, which are all empty.
--
-- squawk-ignore-file ban-drop-table, ban-drop-function
-- Why excused: refused above unless every table is empty.

DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'c2c_categories', 'storefronts', 'listings', 'listing_attributes', 'listing_images', 'listing_tags',
        'listing_locations', 'listing_stats', 'indexing_queue', 'c2c_favorites', 'c2c_chats', 'c2c_messages',
        'b2c_product_variants', 'inventory_movements'
    ] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
        IF filled THEN
            RAISE EXCEPTION 'table % still holds rows: the baseline is only removed from an empty database', name
                USING HINT = 'Dump and delete the rows first, or drop the database.';
        END IF;
    END LOOP;
END;
$$;

DROP TABLE
    c2c_messages, c2c_chats, c2c_favorites, b2c_product_variants, inventory_movements, indexing_queue,
    listing_stats, listing_locations, listing_tags, listing_images, listing_attributes,
    listings, storefronts, c2c_categories;
DROP FUNCTION generate_slug_from_title();
DROP FUNCTION update_storefronts_updated_at();
DROP FUNCTION update_updated_at_column();
