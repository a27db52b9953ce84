-- Makes listings.uuid default to the built-in generator.
--
-- Why: a taken-over database calls uuid_generate_v4() of uuid-ossp, and no contrib extension may be required. On a
-- database built from our baseline this changes nothing.
--
-- Locks: ACCESS EXCLUSIVE on listings for milliseconds (catalog change only).

ALTER TABLE listings ALTER COLUMN uuid SET DEFAULT gen_random_uuid();
