"""What migration tests compare: the catalog as text, the rows as checksums, and rows for every table of version 20."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncpg

BASELINE: Final = 20

ROWS_AT_BASELINE: Final = """
INSERT INTO c2c_categories (name, slug) SELECT 'Категория ' || n, 'category-' || n FROM generate_series(1, 4) AS n;
INSERT INTO c2c_categories (name, slug, parent_id, level) VALUES ('Child', 'child', 1, 1);
INSERT INTO storefronts (user_id, slug, name, latitude, longitude)
    SELECT n, 'shop-' || n, 'Продавница ' || n, 44.8, 20.4 FROM generate_series(1, 3) AS n;
INSERT INTO listings (user_id, storefront_id, title, description, price, category_id, status, quantity, sku, source_type)
    SELECT n, CASE WHEN n % 2 = 0 THEN 1 + n % 3 END, 'Ципеле Nike ' || n, 'Отличное состояние', n, 1 + n % 4,
        'active', n, CASE WHEN n % 2 = 0 THEN 'SKU-' || n END, CASE WHEN n % 2 = 0 THEN 'b2c' ELSE 'c2c' END
    FROM generate_series(1, 40) AS n;
UPDATE listings SET is_deleted = true, deleted_at = now() WHERE id = 40;
INSERT INTO listing_attributes (listing_id, attribute_key, attribute_value) VALUES (1, 'colour', 'red');
INSERT INTO listing_images (listing_id, url) VALUES (1, 'https://images.example/1.jpg');
INSERT INTO listing_tags (listing_id, tag) VALUES (1, 'shoes');
INSERT INTO listing_locations (listing_id, city) VALUES (1, 'Beograd');
INSERT INTO listing_stats (listing_id, views_count) VALUES (1, 7);
INSERT INTO indexing_queue (listing_id, operation) VALUES (1, 'index');
INSERT INTO c2c_favorites (user_id, listing_id) VALUES (7, 1), (8, 1), (7, 2);
INSERT INTO c2c_chats (listing_id, buyer_id, seller_id) VALUES (1, 7, 1);
INSERT INTO c2c_messages (chat_id, listing_id, sender_id, receiver_id, content) VALUES (1, 1, 7, 1, 'Добар дан');
INSERT INTO b2c_product_variants (product_id, sku, stock_quantity, is_default)
    VALUES (2, 'V-1', 3, true), (2, 'V-2', 4, false);
INSERT INTO inventory_movements (listing_id, variant_id, movement_type, quantity, reason, user_id)
    VALUES (2, NULL, 'in', 5, 'initial', 1), (2, 1, 'out', 1, 'sale', 0), (4, NULL, 'adjustment', 9, NULL, NULL);
"""

_CATALOG: Final = """
SELECT line FROM (
    SELECT format('table %s', c.relname) AS line FROM pg_class AS c
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('column %s.%s %s%s default %s', a.attrelid::regclass, a.attname,
        format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
        coalesce(pg_get_expr(d.adbin, d.adrelid), 'none'))
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('constraint %s on %s %s validated %s', conname, conrelid::regclass, pg_get_constraintdef(oid),
        convalidated)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('index %s valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('sequence %s %s owned by %s', s.seqrelid::regclass, format_type(s.seqtypid, NULL),
        (SELECT refobjid::regclass || '.' || refobjsubid FROM pg_depend
         WHERE objid = s.seqrelid AND classid = 'pg_class'::regclass AND refobjsubid > 0))
    FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid WHERE c.relnamespace = 'public'::regnamespace
) AS lines ORDER BY line COLLATE "C"
"""


async def catalog(connection: asyncpg.Connection) -> list[str]:
    """Every table, column, constraint, index, trigger, function and sequence of the schema, one line each."""
    return [row["line"] for row in await connection.fetch(_CATALOG)]


def difference(one: list[str], other: list[str]) -> list[str]:
    """Return what stands in one of two catalogs only; comparing whole lists would take pytest minutes to print."""
    return sorted(
        {f"- {line}" for line in set(one) - set(other)} | {f"+ {line}" for line in set(other) - set(one)}
    )


def apart_from_validation(lines: list[str]) -> list[str]:
    """Drop what validating a constraint changes: a way down keeps that, since it says nothing new."""
    return [re.sub(r"( NOT VALID)? validated [tf]$", "", line) for line in lines]


async def row_checksums(connection: asyncpg.Connection) -> dict[str, str]:
    """One checksum over all rows of each table, except what migrations themselves record."""
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
        "AND relname NOT IN ('schema_migrations', 'listings_migration_ledger')"
    )
    return {
        row["relname"]: await connection.fetchval(
            f"SELECT count(*) || ':' || md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\"), '')) "
            f"FROM {row['relname']} AS t"
        )
        for row in tables
    }
