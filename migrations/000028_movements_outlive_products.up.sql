-- Keeps movements when their product is deleted for good.
--
-- Why: the audit trail must survive what it describes. The cascade goes, listing_id stays.
-- variant_id gets no foreign key either. ON DELETE SET NULL would turn the movements of a deleted variant into
-- movements of the product itself: its ledger would no longer add up, and two variants of one order would
-- collide in the unique indexes that guard an order. The number of a variant that is gone is the truth.
--
-- Locks: ACCESS EXCLUSIVE on inventory_movements and SHARE ROW EXCLUSIVE on listings for milliseconds.
--
-- squawk-ignore-file ban-drop-constraint
-- Why excused: losing the cascade is the purpose.

ALTER TABLE inventory_movements DROP CONSTRAINT IF EXISTS inventory_movements_listing_id_fkey;
