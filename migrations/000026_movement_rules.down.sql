-- Puts the single earlier rule back. Movements of quantity 0 are kept; the rule then holds for new rows only.
--
-- Locks: ACCESS EXCLUSIVE on inventory_movements while the table is read once.
--
-- squawk-ignore-file ban-drop-constraint
-- Why excused: a way down removes what the way up added.

ALTER TABLE inventory_movements
    DROP CONSTRAINT inventory_movements_delta_check,
    DROP CONSTRAINT inventory_movements_type_check,
    DROP CONSTRAINT inventory_movements_quantity_check;
ALTER TABLE inventory_movements
    ADD CONSTRAINT inventory_movements_quantity_check CHECK (quantity <> 0) NOT VALID;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM inventory_movements WHERE quantity = 0) THEN
        ALTER TABLE inventory_movements VALIDATE CONSTRAINT inventory_movements_quantity_check;
    END IF;
END;
$$;
