-- Adds the columns that the wire already carries or the service needs.
--
--   listings.barcode              on the wire, never stored so far
--   listings.expiry_managed       true where the service itself set expires_at; the sweeper touches no other row
--   product_variants.image_url    of the older variant calls
--   categories.title_en/ru/sr     translations; kept where a side script added them already
--
-- Locks: ACCESS EXCLUSIVE on the three tables for milliseconds; constant defaults, so no row is rewritten.

ALTER TABLE listings ADD COLUMN IF NOT EXISTS barcode varchar(100);
ALTER TABLE listings ADD COLUMN IF NOT EXISTS expiry_managed boolean NOT NULL DEFAULT false;
ALTER TABLE product_variants ADD COLUMN IF NOT EXISTS image_url text;
ALTER TABLE categories ADD COLUMN IF NOT EXISTS title_en varchar(255);
ALTER TABLE categories ADD COLUMN IF NOT EXISTS title_ru varchar(255);
ALTER TABLE categories ADD COLUMN IF NOT EXISTS title_sr varchar(255);
